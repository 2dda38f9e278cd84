#!/usr/bin/perl

# The database goes away, is killed and comes back; workers are killed: what
# was acknowledged is there, once.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new(fsync => 1);
$pg->start;
$pg->migrate;

my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\";\n",
    location => 'rtprop_rate message off; rtprop_rate bid off; '
                . 'rtprop_rate other off; rtprop_user_connections 100;');
$nginx->allow(qr/PostgreSQL, the/, qr/could not be|was not|unavailable/);

my ($one, $two) = $nginx->workers;

conversation('c1', 'ann', 'ben', 'cleo');
auction('a1');
my $ann = client(user => 'ann', worker => $one);
my $ben = client(user => 'ben', worker => $two);
my $epoch = joins($ann, 'c1')->{epoch};
joins($ben, 'c1');
my $before = says($ann, 'c1', 'before')->{payload}{id};
ok(gets($ben, 'before'), 'a message');

# Both workers have their connections.

sub up {
    return $nginx->wait_until(sub {
        return http()->get('/metrics')->{body} =~ /^rtprop_store_up 2$/m;
    }, 30);
}


# --------------------------------------------------------------------- away

$pg->kill;
my $answer;
ok($nginx->wait_until(sub {
    $answer = asks($ann, 'chat:send_message',
                   { conversation_id => 'c1', content => 'lost?' });
    return $answer && $answer->{type} eq 'error';
}), 'a message is refused');
is($answer->{payload}{code}, 'unavailable', 'as unavailable');
is(asks($ben, 'chat:mark_read', { conversation_id => 'c1',
        message_id => $before })->{payload}{code}, 'unavailable',
   'so is a mark');
is(api(PUT => '/api/properties/p1', { title => 'x', price => 1,
       status => 'sold' })->{status}, 503, 'and over HTTP');

is(asks($ann, 'ping')->{type}, 'pong', 'connections stay');
$ann->send_json('chat:typing', { conversation_id => 'c1' });
ok($ben->wait_for('chat:user_typing'), 'who types is told');
my $page = asks($ben, 'chat:history', { conversation_id => 'c1',
                                        limit => 10 });
is($page->{payload}{messages}[0]{content}, 'before',
   'what the engine has can be read');
is(http()->get('/health')->{json}{status}, 'degraded', 'health says so');
ok($ben->no_event('chat:new_message'), 'nobody heard what was refused');

$pg->start;
ok(up(), 'the database is back');
ok(says($ann, 'c1', 'after'), 'and all is well');
ok(gets($ben, 'after'), 'for everybody');


# ------------------------------------------------------- kill -9, with traffic

my $n = 0;
my (%acked, @senders);

sub send_some {
    my ($ws, $user, $times) = @_;

    for (1 .. $times) {
        my $id = "$user-" . ++$n;
        $ws->send_json('chat:send_message', { conversation_id => 'c1',
            content => $id, client_message_id => $id }, "m:$id") or last;
    }
}

# Acknowledgements, until there are no more or the connection is gone.

sub collect {
    my ($ws, $wait) = @_;

    while (my $event = $ws->wait_for(qr/^(ack|error)$/,
                           sub { ($_[0]{id} // '') =~ /^m:/ }, $wait)) {
        my ($id) = $event->{id} =~ /^m:(.*)/;
        $acked{$id} = $event->{payload}{message_id}
            if $event->{type} eq 'ack';
    }
}

for my $round (1 .. 3) {
    my $ws = client(user => 'cleo');
    joins($ws, 'c1') or next;
    send_some($ws, "cleo$round", 40);

    if ($round == 2) {
        $nginx->kill_worker($_) for $nginx->workers;
        ($one, $two) = $nginx->workers;

    } else {
        $pg->kill;
        $pg->start;
        ok(up(), "round $round: the database is back");
    }

    collect($ws, 3);
    $ws->close;

    # what was not acknowledged is sent again, over another connection

    my $again = client(user => 'cleo');
    joins($again, 'c1');
    my @missing = grep { !$acked{$_} }
                  map { "cleo$round-$_" } $n - 39 .. $n;

    for my $id (@missing) {
        my $ack = asks($again, 'chat:send_message', { conversation_id => 'c1',
            content => $id, client_message_id => $id });
        $acked{$id} = $ack->{payload}{message_id};
    }

    $again->close;
    is(scalar(grep { $acked{"cleo$round-$_"} } $n - 39 .. $n), 40,
       "round $round: all are acknowledged in the end");
}

my %kept = map { split /\|/ } split /\n/, $pg->sql(
    'SELECT client_message_id, id FROM rtprop.message '
    . 'WHERE client_message_id IS NOT NULL');
is_deeply(\%kept, \%acked, 'the table has them, with the ids acknowledged');
is($pg->sql('SELECT count(*) FROM rtprop.message WHERE content LIKE '
            . "'cleo%'"), 120, 'each once');
is($pg->sql('SELECT count(*) FROM (SELECT position FROM rtprop.message UNION '
            . 'SELECT position FROM rtprop.event WHERE channel = '
            . "'conversation:c1') p"),
   $pg->sql("SELECT position FROM rtprop.channel WHERE name = "
            . "'conversation:c1'"), 'positions have no gap');

my $late = client(user => 'ben');
my $resumed = asks($late, 'resume', { channels => { 'conversation:c1' =>
                   { epoch => $epoch, offset => 0 } } });
is($resumed->{payload}{channels}{'conversation:c1'}{recovered}, true,
   'who comes again');
my @heard = map { $_->{offset} } grep { $_->{type} eq 'chat:new_message' }
            $late->events;
is_deeply(\@heard, [1 .. @heard], 'hears all, each once, in order');
cmp_ok(@heard, '>=', 122, 'of what there is');


# ------------------------------------ a bid committed, its worker dead

my $bea = joined(bea => 'a1');
my $price = 1000;

for my $round (1 .. 6) {
    my $cid = joined("cid$round" => 'a1');
    $cid->send_json('auction:bid', { auction_id => 'a1',
        amount => $price + 100, client_bid_id => "b$round" }, 1);
    $nginx->kill_worker(worker_of($nginx, $cid));
    $bea = joined(bea => 'a1') if !$bea->fence;

    my $again = joined("cid$round" => 'a1');
    is(codes($again, a1 => $price + 100, client_bid_id => "b$round"),
       'accepted', "a bid is accepted, by whichever worker ($round)");
    $price += 100;
    $_->close for $cid, $again;
}

is($pg->sql('SELECT count(*), max(amount) FROM rtprop.bid WHERE accepted'),
   '6|1600', 'each once');

done_testing();
