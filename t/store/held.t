#!/usr/bin/perl

# Who loses a compare-and-set waits for the lock of the auction's row: he is
# judged on the row that he has, in bounded time, however quick others are; and
# a worker that dies or stops while it holds the lock holds nobody up.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use POSIX ();
use RTProp::Postgres;
use RTProp::Test;
use Time::HiRes qw(time);

use constant BOUND => 10;      # seconds, on a machine that is very busy

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

# With "storm" somebody is quicker than each put that does not hold the row,
# with "rise" the first one of these raises the price.  With "gate" the row is
# had, and the answer does not come yet.

$pg->sql(<<'END');
CREATE SCHEMA test;
CREATE TABLE test.weather (name text PRIMARY KEY);
CREATE SEQUENCE test.quicker;
CREATE FUNCTION test.has(p_name text) RETURNS boolean LANGUAGE sql VOLATILE
AS $$ SELECT EXISTS (SELECT FROM test.weather WHERE name = p_name) $$;
CREATE FUNCTION test.put(p_id text, p_version bigint, p_value text,
    p_step bigint, p_not_after timestamptz, p_ttl bigint, p_op bigint,
    p_retried boolean)
RETURNS rtprop.put_result LANGUAGE plpgsql AS $$
BEGIN
    IF test.has('storm')
       AND coalesce(current_setting('test.held', true), '') <> p_id
    THEN
        UPDATE rtprop.auction SET version = version + 1,
            value = CASE WHEN nextval('test.quicker') = 1 AND test.has('rise')
                THEN regexp_replace(value, '"price":\d+', '"price":2000')
                ELSE value END
        WHERE id = p_id;
    END IF;
    RETURN rtprop.auction_put(p_id, p_version, p_value, p_step, p_not_after,
                              p_ttl, p_op, p_retried);
END $$;
CREATE FUNCTION test.lock(p_id text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('test.held', p_id, true);
    SELECT a.version, a.value INTO version, value FROM rtprop.auction a
    WHERE a.id = p_id FOR UPDATE;
    WHILE test.has('gate') LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
    at := clock_timestamp();
    RETURN NEXT;
END $$;
END

my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\" timeout=20s;\n"
            . 'rtprop_query auction_put "SELECT * FROM test.put($1, $2, $3, '
            . '$4, $5, $6, $7, $8)";' . "\n"
            . 'rtprop_query auction_lock "SELECT * FROM test.lock($1)";',
    location => 'rtprop_rate message off; rtprop_rate bid off; '
                . 'rtprop_rate other off;');


sub metric {
    my ($value) = http()->get('/metrics')->{body} =~ /^\Q$_[0]\E (\d+)/m;
    return $value;
}

sub weather {
    $pg->sql('DELETE FROM test.weather');
    $pg->sql('ALTER SEQUENCE test.quicker RESTART');
    $pg->sql("INSERT INTO test.weather VALUES ('$_')") for @_;
}

# How many connections are so, with the row.

sub holding {
    my ($state) = @_;
    return $pg->sql("SELECT count(*) FROM pg_stat_activity WHERE state = "
                    . "'$state' AND query LIKE 'SELECT * FROM test.lock%'");
}

sub accepted {
    my ($user) = @_;
    return $pg->sql('SELECT amount FROM rtprop.bid WHERE accepted AND '
                    . "user_id = '$user' ORDER BY id");
}

sub send_bid {
    my ($ws, $id, $amount) = @_;
    $ws->send_json('auction:bid', { auction_id => $id, amount => $amount },
                   "b$amount");
}

sub answer {
    my ($ws, $amount) = @_;
    return $ws->wait_for(qr/^(auction:bid_|error)/,
                         sub { ($_[0]{id} // '') eq "b$amount" }, 2 * BOUND);
}


# -------------------------------------------------------- the lock is a turn

auction('a1');
# ann's worker was the last to write, and knows it
my ($ben, $ann) = spread($nginx, 'a1', qw(ben ann));

my $held = metric('rtprop_durable_held_total');     # by who joined, perhaps
is(codes($ann, a1 => 1100), 'accepted', 'a bid that nobody disturbs');
is(metric('rtprop_durable_held_total'), $held, 'takes no lock');

my $lost = metric('rtprop_durable_conflicts_total');
weather('storm');
is(codes($ben, a1 => 1200), 'accepted', 'one that loses each time');
is(metric('rtprop_durable_conflicts_total'), $lost + 1, 'lost');
is(metric('rtprop_durable_held_total'), $held + 1, 'and then had its turn');
ok($ann->wait_for('auction:new_bid',
                  sub { $_[0]{payload}{bid}{amount} == 1200 }),
   'others hear it');

my $version = 'SELECT version FROM rtprop.auction WHERE id = \'a1\'';
my $before = $pg->sql($version);
weather('storm', 'rise');
my ($said) = bid($ann, a1 => 1300);
is($said->{code}, 'below_minimum', 'it is judged on the row that it has');
is($said->{minimum_bid}, 2100, 'which has another price');
is(metric('rtprop_durable_held_total'), $held + 2, 'when its turn came');
is($pg->sql($version), $before + 1, 'and is given back as it was');
weather();
is(codes($ann, a1 => 2100), 'accepted', 'for the next one');


# ------------------------------------------------- a worker that has the lock

# Ann's worker stops when it has the row.

sub stop_with_lock {
    my ($ws, $amount) = @_;
    my $pid = worker_of($nginx, $ws);

    weather('storm', 'gate');
    send_bid($ws, a1 => $amount);
    ok($nginx->wait_until(sub { holding('active') }), 'a worker has the row');
    kill STOP => $pid;
    weather();
    ok($nginx->wait_until(sub { holding('idle in transaction') }),
       'and does not come back to it');

    return $pid;
}

is(codes($ben, a1 => 2200), 'accepted', 'ben is ahead');
my $pid = stop_with_lock($ann, 2300);
$nginx->kill_worker($pid, 'KILL');
my $begun = time;
is(codes($ben, a1 => 2250), 'already_highest', 'it dies: nothing was written');
($ann) = joined(ann => 'a1', worker => (grep { $_ != worker_of($nginx, $ben) }
                                        $nginx->workers)[0]);
is(codes($ann, a1 => 2300), 'accepted', 'the next bid is accepted');
cmp_ok(time - $begun, '<', BOUND, 'in time');
is(accepted('ann'), "1100\n2100\n2300", 'what was written is what was said');

$nginx->allow(qr/the writing connection: /, qr/without an answer/,
              qr/idle-in-transaction timeout/);
is(codes($ben, a1 => 2400), 'accepted', 'ben is ahead again');
my $cid = joined(cid => 'a1', worker => worker_of($nginx, $ben));
$pid = stop_with_lock($ann, 9000);
$begun = time;
is(codes($cid, a1 => 2500), 'accepted',
   'it only stops: the database takes the row from it');
cmp_ok(time - $begun, '<', BOUND, 'in time');
kill CONT => $pid;
is((answer($ann, 9000) // {})->{type}, 'auction:bid_accepted',
   'it goes on: its bid is judged anew');
is(accepted('ann'), "1100\n2100\n2300\n9000", 'and is there once');


# ------------------------------------------------- few bids under very many

auction('a2');
my ($few, $many) = map { worker_of($nginx, $_) } $ben, $ann;
my $dan = joined(dan => 'a2', worker => $few);

pipe my $over, my $storm or die "pipe: $!\n";
my $child = fork // die "fork: $!\n";

if ($child == 0) {
    close $storm;
    my @all = map { joined("s$_" => 'a2', worker => $many) } 1 .. 8;
    my $price = 1000;
    vec(my $end = '', fileno $over, 1) = 1;

    while (!select my $ready = $end, undef, undef, 0) {
        for my $i (0 .. $#all) {
            $all[$i]->send_json('auction:bid', { auction_id => 'a2',
                amount => $price + 100 * ($i + 1) }, 'x');
        }

        for my $ws (@all) {
            my $said = $ws->wait_for(qr/^auction:bid_/)->{payload};
            my $now = $said->{current_price} // $said->{amount};
            $price = $now if $now > $price;
            $ws->clear;
        }
    }

    POSIX::_exit(0);
}

close $over;
my $of_storm = "SELECT count(*) FROM rtprop.bid WHERE accepted AND "
               . "user_id LIKE 's%'";
ok($nginx->wait_until(sub { $pg->sql($of_storm) > 20 }), 'a storm');

my ($worst, %codes) = 0;

for my $k (1 .. 20) {
    $begun = time;
    $codes{codes($dan, a2 => 1_000_000 * $k)}++;
    $worst = time - $begun if time - $begun > $worst;
    $dan->wait_for('auction:outbid') or last;
    $dan->clear;
}

is_deeply(\%codes, { accepted => 20 }, 'the few bids of the other are judged');
cmp_ok($worst, '<', BOUND, 'each in time');

close $storm;
waitpid $child, 0;
is($?, 0, 'the storm was answered all the time');
cmp_ok($pg->sql($of_storm), '>', 40, 'and was one');

done_testing();
