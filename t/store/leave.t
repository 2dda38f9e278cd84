#!/usr/bin/perl

# A worker that leaves serves those who are still there, also after its database
# was away.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

use constant SECONDS => 20;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $nginx = rtprop_nginx(workers => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain ${\SECONDS}s;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\" grace=500ms;\n",
    location => 'rtprop_rate message off; rtprop_user_connections 100;');
$nginx->allow(qr/PostgreSQL, the/);

conversation('c1', 'ann');

# one of them is closed each second

my @ann = map { client(user => 'ann') } 1 .. SECONDS;
joins($_, 'c1') for @ann;

my ($old) = $nginx->workers;
$pg->kill;
ok($nginx->wait_until(sub {
    asks($ann[-1], 'chat:send_message', { conversation_id => 'c1',
         content => 'away' })->{type} eq 'error';
}), 'the database is away');

$nginx->reload;
is(join(' ', $nginx->draining), $old, 'a worker leaves');

$pg->start;
my $said = $nginx->wait_until(sub {
    $nginx->draining or return 'gone';
    @ann = grep { $_->fence } @ann or return 'nobody left';
    my $answer = asks($ann[-1], 'chat:send_message',
                      { conversation_id => 'c1', content => 'back' });
    return $answer && $answer->{type} eq 'ack' && 'acknowledged';
}, SECONDS);
is($said, 'acknowledged', 'it finds it again when it is back');
is(join(' ', $nginx->draining), $old, 'before it is gone');

$_->close for @ann;
ok($nginx->wait_drained, 'it leaves with the last one');

done_testing();
