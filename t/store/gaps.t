#!/usr/bin/perl

# The engine below the database has lost something, or is away: what is
# committed counts; nobody is told of a loss that there is none of.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Gate;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $gate = RTProp::Gate->new;
my $nginx = rtprop_nginx($gate->options(
    "rtprop_history messages=2 bytes=1m age=1h;\n"
    . 'rtprop_postgres "' . $pg->conninfo . '" grace=500ms;'), workers => 1);
$nginx->allow(qr/PostgreSQL, the/);

my ($worker) = $nginx->workers;

sub resumes {
    my ($ws, $channel, $epoch, $offset) = @_;
    my $answer = asks($ws, 'resume', { channels => {
        $channel => { epoch => $epoch, offset => $offset } } });
    return $answer->{payload}{channels}{$channel};
}

sub up {
    my ($n) = @_;
    return $nginx->wait_until(sub {
        (http()->get('/metrics')->{body} // '') =~ /^rtprop_store_up $n$/m;
    }, 30);
}

ok(up(1), 'the database is there');


# --------------------------------------- a document without events, untold

# nobody looks after the channels, the engine below takes no events

$gate->set('inner-lease' => 'f', 'durable-jobs');
$gate->wait_lines(qr/ inner-lease durable-jobs .* f/);

$gate->set('inner-publish' => 'f');
is(api(PUT => '/api/conversations/c1', { participants => [qw(ann ben)] })
   ->{status}, 201, 'what has no events needs no engine');
is(($nginx->workers)[0], $worker, 'the worker lives');
$gate->clear('inner-publish');


# ------------------------------------------------ who has heard more than it

my $ann = client(user => 'ann');
my $epoch = joins($ann, 'c1')->{epoch};
is(says($ann, 'c1', 'one')->{offset}, 1, 'a message');

$gate->set('inner-publish' => 'f', 'conversation:c1');
is(asks($ann, 'chat:send_message', { conversation_id => 'c1',
        content => 'two' })->{type}, 'ack',
   'another one is committed, the engine does not know');
$gate->clear('inner-publish');

my $ben = client(user => 'ben');
my $place = resumes($ben, 'conversation:c1', $epoch, 2);
is($place->{recovered}, true, 'who knows it has missed nothing');
is($place->{missed}, 0, 'not one');

is(says($ann, 'c1', 'three')->{offset}, 3, 'it goes on');
is(gets($ben, 'three')->{offset}, 3, 'for both');
$_->close for $ann, $ben;


# ----------------------------------- a claim that only the database can judge

api(PUT => '/api/properties/p1', { title => 'Mill', status => 'available',
                                   price => 100 });
my $cleo = client(user => 'cleo');
$cleo->send_json('property:subscribe', { property_id => 'p1' });
my $state = $cleo->wait_for('property:state');
my $start = $state->{offset};
$epoch = $state->{epoch};

api(POST => '/api/broadcast/price-update', { property_id => 'p1',
    new_price => $_ }) for 101 .. 105;
my $last = $cleo->wait_for('property:price_updated',
                           sub { $_[0]{payload}{new_price} == 105 });
is($last->{offset}, $start + 5, 'five events, of which the engine keeps two');
$cleo->close;

my $dora = client(user => 'dora');
$pg->kill;
ok(up(0), 'the database is away');

$place = resumes($dora, 'property:p1', $epoch, $start + 1);
is($place->{code} // $place->{error}{code}, 'unavailable',
   'who resumes is not told that what he missed is lost')
    or diag(JSON::PP->new->canonical->encode($place));
is(api(GET => '/api/channels/property:p1')->{json}{subscribers}, 0,
   'and does not hear the channel');

$place = resumes($dora, 'property:p1', $epoch, $start + 4);
is($place->{recovered}, true, 'what the engine has is told all the same');
$dora->close;

$pg->start;
ok(up(1), 'the database is back');
my $eve = client(user => 'eve');
$place = resumes($eve, 'property:p1', $epoch, $start + 1);
is($place->{recovered}, true, 'who comes again');
is($place->{missed}, 4, 'hears all of it');
is(join(' ', map { $_->{payload}{new_price} // () }
        grep { $_->{type} eq 'property:price_updated' } $eve->events),
   '102 103 104 105', 'in order');

done_testing();
