#!/usr/bin/perl

# Ids that the database has already: what they were for gets others.  And with
# Redis away they are none that another instance's number can make.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use JSON::PP qw(encode_json);
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

use constant CHANCE => 0x100;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;
$pg->sql(<<'END');
CREATE SEQUENCE doubled;
CREATE TABLE doubling (id bigint, times bigint);
CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    d doubling;
BEGIN
    SELECT * INTO d FROM doubling;
    IF d.times > 0 AND nextval('doubled') <= d.times THEN
        NEW.id := d.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER double BEFORE INSERT ON rtprop.message
    FOR EACH ROW EXECUTE FUNCTION double();
CREATE TRIGGER double BEFORE INSERT ON rtprop.bid
    FOR EACH ROW WHEN (NEW.accepted) EXECUTE FUNCTION double();
END

my $redis = RTProp::Redis->new->start;
my $nginx = rtprop_nginx(workers => 1,
    allow => [qr/Redis|engine away|duplicate key|will be told later/],
    location => 'rtprop_rate message off; rtprop_rate bid off;',
    prefix => "rtprop_engine redis;\n"
              . 'rtprop_redis ' . $redis->url
              . " timeout=500ms retry=200ms;\n"
              . "rtprop_presence_lease 2s;\nrtprop_redis_failover 1s;\n"
              . 'rtprop_postgres "' . $pg->conninfo . '";');


sub metric {
    my ($name) = @_;
    my ($value) = (http()->get('/metrics')->{body} // '')
                  =~ /^\Qrtprop_$name\E (\S+)$/m;
    return $value;
}


# The next ones in the database get this id, so many times.

sub double {
    my ($id, $times) = @_;
    $pg->sql("DELETE FROM doubling; INSERT INTO doubling VALUES ($id, $times);"
             . " SELECT setval('doubled', 1, false)");
}


ok($nginx->wait_until(sub {
    (http()->get('/health')->{json}{status} // '') eq 'ok';
}, 30), 'all stands');

conversation('c', 'ann', 'ben');
my ($ann, $ben) = map { client(user => $_) } 'ann', 'ben';
joins($_, 'c') for $ann, $ben;


# ---- messages

my $first = says($ann, 'c', 'the first')->{payload}{id};
double($first, 2);
my $said = asks($ann, 'chat:send_message', { conversation_id => 'c',
    content => 'the second', client_message_id => 'm2' });
is($said->{type}, 'ack', 'a message with an id that another one has');
my $heard = gets($ben, 'the second')->{payload};
is($heard->{id}, $said->{payload}{message_id}, 'is heard under another one');
is($pg->sql("SELECT id FROM rtprop.message WHERE content = 'the second'"),
   $heard->{id}, 'which it has in the database');
is(metric('durable_doubled_total'), 2, 'and that is counted');

double($first, 1000);
is(asks($ann, 'chat:send_message', { conversation_id => 'c',
    content => 'the third' })->{payload}{code}, 'unavailable',
   'a database that never takes it is not asked for ever');
double(0, 0);
is(metric('durable_doubled_total'), 5, 'but three times');


# ---- bids: quickly, and with the auction's row locked

is(auction('a1')->{status}, 201, 'an auction');
my $cat = joined(cat => 'a1');
my $bid = (bid($cat, a1 => 1100))[0]{bid_id};
my $dan = joined(dan => 'a1');

for my $times (1, 3) {
    my $amount = 1200 + 100 * $times;

    double($bid, $times);
    my ($answer, $type) = bid($times == 1 ? $dan : $cat, a1 => $amount);
    is($type, 'auction:bid_accepted', 'a bid with an id that another one has');
    isnt($answer->{bid_id}, $bid, 'is told under another one');
    is($pg->sql("SELECT id FROM rtprop.bid WHERE amount = $amount"),
       $answer->{bid_id}, 'which it has in the database');
}

is(metric('durable_doubled_total'), 9, 'and that is counted');
cmp_ok(metric('durable_held_total'), '>', 0, 'the row was locked once');


# ---- sent once more: the very same is known, another's is not taken for it

sub once_more {
    my ($call) = @_;
    return $pg->sql("SELECT $call", may => 1) =~ s/ERROR:\s+//r;
}

sub message {
    my ($id, $sender, $text, $retried) = @_;
    return once_more("p.position > 0 FROM rtprop.chat_message_add('d', $id,"
        . " '$sender', 'N', NULL, '$text', '[]', NULL,"
        . " '2026-01-01T00:00:00Z', $retried) p");
}

is(message(7, 'ann', 'x', 'false'), 't', 'a message');
is(message(7, 'ann', 'x', 'true'), 't', 'the same once more');
is($pg->sql("SELECT count(*) FROM rtprop.message WHERE conversation_id = 'd'"),
   1, 'is there once');
like(message(7, @$_, 'true'), qr/duplicate key/, 'another one is not it')
    for ['ben', 'x'], ['ann', 'y'];

sub accepted {
    my ($id, $user, $amount) = @_;
    my $bid = encode_json({ user_id => $user, amount => $amount,
        bidder_number => 1, created_at => '2026-01-01T00:00:00.000Z' });

    return once_more("rtprop.auction_bid_accept('auction:bids:b1', $id,"
                     . " '$bid', true) > 0");
}

sub refused {
    my ($id, $user, $amount) = @_;
    return once_more("rtprop.auction_bid_refuse('{b1}', '{$id}', '{$user}',"
        . " '{$amount}', '{}', '{bid_too_low}', '{3}', '{1767225600000}')");
}

sub bids {
    return $pg->sql("SELECT string_agg(concat(id, ' ', user_id, ' ', accepted),"
                    . " ', ' ORDER BY id) FROM rtprop.bid"
                    . " WHERE auction_id = 'b1' AND id >= 20");
}

is(refused(20, 'ann', 5), '', 'a refused bid');
like(accepted(20, 'ann', 5), qr/duplicate key/,
     'is not the accepted one that comes with its id');
is(accepted(21, 'ben', 6), 't', 'an accepted one');
is(accepted(21, 'ben', 6), 't', 'the same once more');
like(accepted(21, 'cat', 6), qr/duplicate key/, "another user's");
is(refused(20, 'cat', 7), '', 'a refused one with the id of the first')
    for 1 .. 2;
is(refused(20, 'ann', 5), '', 'the first once more');
is(bids(), '20 ann f, 21 ben t, 22 cat f', 'takes the next free one, once');
$pg->sql("INSERT INTO rtprop.bid (auction_id, id, user_id, amount, accepted,"
         . " code, at) SELECT 'b1', n, 'z', 1, false, 'bid_too_low', now()"
         . " FROM generate_series(23, 84) n");
like(refused(20, 'dan', 8), qr/no id for a refused bid/,
     'and if there is none, that is an error');


# ---- Redis is away

ok(!((says($ann, 'c', 'numbered')->{payload}{id}) & CHANCE), 'a number');
$redis->kill;
ok($nginx->wait_until(sub { metric('failover_active') }, 30), 'Redis is away');
ok($nginx->wait_until(sub {
    my $id = says($ann, 'c', 'text');
    return $id && $id->{payload}{id} & CHANCE;
}), 'after a while the number does not count any more');

done_testing();
