#!/usr/bin/perl

# Two machines with an address each, Redis and PostgreSQL at a third: one is cut
# off from them, so that packets vanish.  It says so, keeps its connections and
# acknowledges nothing; the other goes on; when it is back nothing is lost,
# nothing twice, and the order is the same for all.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Host;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

RTProp::Host->alone;

my $redis = RTProp::Redis->new(conf => 'bind 0.0.0.0')->start;
my $pg = RTProp::Postgres->new(conf => "listen_addresses = '*'\n",
                               hba => 'host all all 10.79.0.0/16 trust');
$pg->start;
$pg->migrate;

my @hosts = map { RTProp::Host->new } 1 .. 2;
my ($a, $b) = map { host($_) } @hosts;

sub host {
    my ($host) = @_;
    my $at = $host->there('engine');
    my $conninfo = $pg->conninfo(host => $host->there('store'));

    return rtprop_nginx(
        $host->options, workers => 2, allow => [qr/Redis|PostgreSQL/],
        prefix => "rtprop_engine redis;\n"
            . "rtprop_redis redis://$at:@{[$redis->port]} timeout=1s"
            . " connect_timeout=1s retry=100ms;\n"
            . "rtprop_presence_lease 3s;\nrtprop_redis_failover 1s;\n"
            . qq{rtprop_postgres "$conninfo" timeout=1s connect_timeout=1s;\n},
        location => 'rtprop_rate message off; rtprop_rate other off;');
}

sub status { http(nginx => $_[0])->get('/health')->{json}{status} // '' }

# Health speaks for one worker; all of them are well when both count two.

sub well {
    my ($nginx) = @_;
    my $metrics = http(nginx => $nginx)->get('/metrics')->{body};
    my %up = $metrics =~ /^rtprop_(redis|store)_up (\d+)/mg;

    return $up{redis} == 2 && $up{store} == 2;
}

sub becomes {
    my ($nginx, $status) = @_;
    return $nginx->wait_until(sub {
        status($nginx) eq $status && ($status ne 'ok' || well($nginx))
    }, 30);
}

ok(becomes($_, 'ok'), 'a machine is ready') for $a, $b;
isnt($a->address, $b->address, 'each with an address of its own');


# ---- one server

conversation('c1', qw(ann ben));
my $ann = client(nginx => $a, user => 'ann');
my $ben = client(nginx => $b, user => 'ben');
joins($ann, 'c1');
joins($ben, 'c1');

my %viewers = (a => client(nginx => $a, user => 'v1'),
               b => client(nginx => $b, user => 'v2'));

sub counted {
    my ($ws, $n) = @_;
    return $ws->wait_for('property:viewer_count',
                         sub { $_[0]{payload}{count} == $n }, 20);
}

$_->send_json('property:view', 'p1') for values %viewers;
ok(counted($_, 2), 'viewers are counted') for values %viewers;

says($ann, 'c1', 'one');
ok(gets($ben, 'one'), 'what is said on one machine is heard on the other');
says($ben, 'c1', 'two');
ok(gets($ann, 'two'), 'and back');
$_->fence, $_->clear for $ann, $ben;


# ---- a cable is cut

$hosts[1]->cut('engine', 'store');
$ben->send_json('chat:send_message', { conversation_id => 'c1',
    content => 'lost?', client_message_id => 'm1' }, 'm1');

ok(becomes($b, 'degraded'), 'who is cut off says so');
is(status($a), 'ok', 'the other is well');
my $answer = $ben->wait_for(qr/./, sub { ($_[0]{id} // '') eq 'm1' }, 20);
is($answer->{payload}{code}, 'unavailable', 'nothing is acknowledged');
error_is($ben, 'chat:send_message',
         { conversation_id => 'c1', content => 'later' }, 'unavailable',
         'nor is what comes then');

ok(counted($viewers{a}, 1), 'who is there is counted no more');
my @said = map { says($ann, 'c1', "alone $_") } 1 .. 3;
is(scalar(grep { $_ } @said), 3, 'the other machine goes on');


# ---- it is mended

$hosts[1]->mend('engine', 'store');
ok(becomes($b, 'ok'), 'it is back by itself');
ok(counted($_, 2), 'and its viewer is counted again') for values %viewers;


my @heard = map { $ben->wait_for('chat:new_message', undef, 20) } @said;
is_deeply(\@heard, \@said, 'what was missed is heard, in order');

my $again = says($ben, 'c1', 'lost?', client_message_id => 'm1');
is($again->{offset}, $said[-1]{offset} + 1, 'what was refused is said again');
is_deeply(gets($ann, 'lost?'), $again, 'and heard');
only_heard();

is(join(' ', map { $_->{type} } grep { $_->{type} =~ /user_(left|joined)/ }
             $ann->events), 'chat:user_left chat:user_joined',
   'who was cut off has gone and come');
is(kept(), 6, 'and all is kept once');

sub kept { $pg->sql('SELECT count(*) FROM rtprop.message') }

sub only_heard {
    for my $ws ($ann, $ben) {
        $ws->fence;
        is(scalar(grep { $_->{type} eq 'chat:new_message' } $ws->events), 0,
           'once');
    }
}

# A machine that has Redis does not listen to the database: who holds the lease
# looks there each second, and the lease of one that was cut off lasts 10 s.

sub gets_at_last {
    my ($ws, $text) = @_;

    return $ws->wait_for('chat:new_message', sub {
        $_[0]{payload}{content} eq $text
    }, 30);
}

# Both say something, and both hear both, in one order.

sub exchange {
    my ($name) = @_;
    my @mine = map { says($_->[0], 'c1', "$name of $_->[1]") }
               [$ann, 'ann'], [$ben, 'ben'];

    ok($mine[$_], "$name: said and acknowledged") for 0, 1;
    is_deeply([scalar gets_at_last($ann, "$name of ben"),
               scalar gets_at_last($ben, "$name of ann")],
              [@mine[1, 0]], "$name: heard by the other");
    only_heard();
}


# ---- only Redis is out of reach, for long: by way of the database

$hosts[1]->cut('engine');
ok(becomes($b, 'degraded'), 'no way to Redis, and said so');
ok($b->wait_log(qr/instances exchange through the/), 'there is another way');
exchange('without Redis');
$hosts[1]->mend('engine');
ok(becomes($b, 'ok'), 'there is the first way again');
exchange('with Redis');
is(kept(), 10, 'nothing twice');


# ---- only PostgreSQL is

$hosts[1]->cut('store');
ok(becomes($b, 'degraded'), 'no way to the database, and said so');
ok(says($ann, 'c1', 'by ann'), 'the other machine writes');
ok(gets($ben, 'by ann'), 'which is heard');
error_is($ben, 'chat:send_message',
         { conversation_id => 'c1', content => 'by ben' }, 'unavailable',
         'nothing is acknowledged');
$hosts[1]->mend('store');
ok(becomes($b, 'ok'), 'there is a way again');
exchange('with a database');
is(kept(), 13, 'nothing twice, and what was refused not at all');

done_testing();
