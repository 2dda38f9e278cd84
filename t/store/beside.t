#!/usr/bin/perl

# A bid that is refused does not wait until another one, of the same worker,
# has been written, however often that one loses to quicker ones; it is judged
# on what was committed, and stands in the database before its answer.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

# "get", "put" and "lock" hold up what they are named after; with "storm"
# somebody is quicker than each put that does not hold the row.

$pg->sql(<<'END');
CREATE SCHEMA test;
CREATE TABLE test.gate (name text PRIMARY KEY);
CREATE FUNCTION test.pass(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WHILE EXISTS (SELECT FROM test.gate WHERE name = p_name) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE FUNCTION test.get(p_id text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM test.pass('get');
    RETURN QUERY SELECT * FROM rtprop.auction_get(p_id);
END $$;
CREATE FUNCTION test.put(p_id text, p_version bigint, p_value text,
    p_step bigint, p_not_after timestamptz, p_ttl bigint, p_op bigint,
    p_retried boolean)
RETURNS rtprop.put_result LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.pass('put');

    IF EXISTS (SELECT FROM test.gate WHERE name = 'storm')
       AND coalesce(current_setting('test.held', true), '') <> p_id
    THEN
        UPDATE rtprop.auction SET version = version + 1 WHERE id = p_id;
    END IF;

    RETURN rtprop.auction_put(p_id, p_version, p_value, p_step, p_not_after,
                              p_ttl, p_op, p_retried);
END $$;
CREATE FUNCTION test.lock(p_id text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('test.held', p_id, true);
    PERFORM test.pass('lock');
    SELECT a.version, a.value INTO version, value FROM rtprop.auction a
    WHERE a.id = p_id FOR UPDATE;
    at := clock_timestamp();
    RETURN NEXT;
END $$;
END

my $nginx = rtprop_nginx(workers => 1,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\" timeout=20s;\n"
            . 'rtprop_query auction_get "SELECT * FROM test.get($1)";' . "\n"
            . 'rtprop_query auction_put "SELECT * FROM test.put($1, $2, $3, '
            . '$4, $5, $6, $7, $8)";' . "\n"
            . 'rtprop_query auction_lock "SELECT * FROM test.lock($1)";',
    location => 'rtprop_rate message off; rtprop_rate bid off; '
                . 'rtprop_rate other off;');


sub shut       { $pg->sql("INSERT INTO test.gate VALUES ('$_')") for @_ }
sub open_gates { $pg->sql("DELETE FROM test.gate WHERE name = '$_'") for @_ }

# A statement has come to its gate.

sub held_up {
    my ($what) = @_;

    return $nginx->wait_until(sub {
        $pg->sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                 . " AND query LIKE '%test.$what(%' AND pid <> "
                 . 'pg_backend_pid()');
    });
}

# So many units of work wait for the database, or are under way.

sub queued {
    my ($n) = @_;

    return $nginx->wait_until(sub {
        http()->get('/metrics')->{body} =~ /^rtprop_store_queue (\d+)/m
            && $1 >= $n;
    });
}

sub send_bid {
    my ($ws, $id, $amount, %more) = @_;
    $ws->send_json('auction:bid', { auction_id => $id, amount => $amount,
                                    %more }, "b$amount");
}

sub answer {
    my ($ws, $amount) = @_;
    my $m = $ws->wait_for(qr/^(auction:bid_|error)/) // { type => 'nothing' };
    my $code = $m->{payload}{code} // $m->{type} =~ s/.*_//r;

    return $amount && $m->{id} eq "b$amount" ? $code : "$m->{id} $code";
}

# How a bid stands in the database.

sub code {
    my ($amount) = @_;
    return $pg->sql("SELECT coalesce(code, 'accepted') FROM rtprop.bid WHERE "
                    . "amount = $amount");
}


auction('a1');
my ($ann, $ben, $cid, $eve) = map { joined($_ => 'a1') } qw(ann ben cid eve);

is(codes($eve, a1 => 1100, client_bid_id => 'e1'), 'accepted', 'a bid');


# ------------------------------------------ who comes while another is written

shut('put', 'storm', 'lock');
send_bid($ann, a1 => 1200);
send_bid($ann, a1 => 1000);
ok(held_up('put'), 'one is being written');

send_bid($cid, a1 => 1300);
send_bid($ben, a1 => 1050);
ok(queued(2), 'another one, too low, is to be written, too');

open_gates('put');
is(answer($ben, 1050), 'below_minimum', 'it is refused while the first waits');
is(code(1050), 'below_minimum', 'and stands in the database');
ok(held_up('lock'), 'for the lock');
is(code($_), '', "$_ is not in the database") for 1200, 1300, 1000;

open_gates('lock', 'storm');
my @said = map { answer($ann) } 1, 2;

# by what reason depends on whether the higher one is committed by then
like("@said", qr/^b1200 accepted b1000 (already_highest|below_minimum)$/,
     'its bidder hears of both, in order');
is(answer($cid, 1300), 'accepted', 'the higher one that waited is accepted');


# ------------------------------------------------ who comes together with him

shut('get');
send_bid($eve, a1 => 1100, client_bid_id => 'e1');
ok(held_up('get'), 'a retry waits for what is committed');
shut('put', 'storm', 'lock');
send_bid($ben, a1 => 1060);
send_bid($ann, a1 => 1400);
$_->fence for $ann, $ben;       # the worker has read both
open_gates('get');
is(answer($eve, 1100), 'accepted', 'it is answered');
ok(held_up('put'), 'one of the others is being written');
ok(queued(2), 'the other one is to be written, too');
open_gates('put');
is(answer($ben, 1060), 'below_minimum', 'and is refused meanwhile');
ok(held_up('lock'), 'the first waits');
open_gates('lock', 'storm');
is(answer($ann, 1400), 'accepted', 'and is accepted');


done_testing();
