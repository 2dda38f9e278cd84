#!/usr/bin/perl

# The database away, in every way: what waits, what is refused, what health
# says, and that it all comes back by itself.  Nothing acknowledged is lost,
# nothing is there twice.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use Test::More;
use Time::HiRes qw(time);

use Store;

my $store = Store->start(
    options => 'timeout=2s connect_timeout=5s grace=500ms batch=20');
my $pg = $store->pg;
my $next = 1;
my %acknowledged;

is($store->wait_status(qr/^ok$/), 'ok', 'it stands');
$store->call('/listen?channel=probe_news');
ok($store->nginx->wait_until(sub {
    $store->call('/status') =~ /^listening/m
}), 'it listens');


# Gives n works at once, later: their answers say which ids are there.

sub give {
    my ($n) = @_;
    my $from = $next;
    $next += $n;
    return $store->later("/puts?from=$from&n=$n&value=v&lock=l");
}


sub taken {
    my ($socket) = @_;
    my ($counts, $ids) = split /\n/, $store->answer($socket);
    $acknowledged{$_} = 1 for split ' ', $ids // '';
    return $counts // '';
}


sub nothing_lost {
    my ($name) = @_;
    my %there = map { split /\|/ } split /\n/,
        $store->sql('SELECT id, count(*) FROM probe.item GROUP BY id');
    my @lost = grep { !$there{$_} } keys %acknowledged;
    my @twice = grep { $there{$_} > 1 } keys %there;

    is("@lost", '', "$name: nothing acknowledged is lost");
    is("@twice", '', "$name: nothing is there twice");
}


sub back {
    my ($name) = @_;
    is($store->wait_status(qr/^ok$/), 'ok', "$name: it comes back");
    like(taken(give(5)), qr/^ok=5 /, "$name: it works");
    nothing_lost($name);
}


like(taken(give(10)), qr/^ok=10 /, 'works are committed');


# ------------------------------------------------------------ kill -9, start

my @given = map { give(50) } 1 .. 5;
$pg->kill;
like($store->wait_status(qr/^(?!ok$)/), qr/connect|lost|terminated/,
     'killed: said so');

my $refused = '';
$store->nginx->wait_until(sub {
    $refused = taken(give(5));
    return $refused =~ /failed=5/;
});
like($refused, qr/^ok=0 refused=0 busy=0 failed=5/,
     'killed: works are refused');

my $start = time;
taken(give(100));
cmp_ok(time - $start, '<', 2, 'at once, after the grace');
ok($store->nginx->wait_until(sub { !$store->metric('rtprop_store_queue') }),
   'nothing waits any more');
like($store->call('/health'), qr/"status":"degraded"/, 'health: degraded');
like($store->call('/get?id=1'), qr/^rc=-1 /, 'a read is refused, too');

taken($_) for @given;
$pg->start;
back('killed');
ok($store->nginx->wait_until(sub {
    $store->sql("NOTIFY probe_news, 'again'");
    return $store->call('/status') =~ /^notify probe_news again$/m;
}), 'killed: it listens again');
cmp_ok(scalar(() = $store->call('/status') =~ /^listening/mg), '>=', 2,
       'and says that it does');


# ------------------------------------------------- a restart under the grace

@given = map { give(50) } 1 .. 5;
$pg->stop('fast');
$pg->start;
taken($_) for @given;
back('restarted');


# -------------------------------------------------------------------- SIGSTOP

@given = map { give(50) } 1 .. 5;
$pg->pause;
push @given, give(20);
taken($_) for @given;
ok(1, 'paused: all are answered');
like($store->wait_status(qr/^(?!ok$)/), qr/timed out/,
     'paused: the connection timed out');
$pg->resume;
back('paused');


# ------------------------------------------------------ backends are ended

my $killer = fork // die;

if (!$killer) {
    while (1) {
        $pg->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 . " WHERE application_name = 'rtprop'", may => 1);
        select undef, undef, undef, 0.02;
    }
}

my $losses = $store->metric('rtprop_store_losses_total');

$start = time;

while (time < $start + 60) {
    taken($_) for map { give(20) } 1 .. 4;
    last if $store->metric('rtprop_store_losses_total') > $losses + 10;
}

kill TERM => $killer;
waitpid $killer, 0;

cmp_ok($store->metric('rtprop_store_losses_total') - $losses, '>', 10,
       'ended: many connections were lost');
cmp_ok($store->metric('rtprop_store_resent_total'), '>', 0,
       'ended: works were sent again');
back('ended');
cmp_ok(scalar keys %acknowledged, '>', 300, 'and many were acknowledged');


# ------------------------------------------------------------ a slow statement

like($store->call('/run?query=probe_sleep&id=60000'),
     qr/^rc=-1 .*state=57014/, 'slow: a read is ended by the time limit');
my @slow = ($store->later('/run?query=probe_sleep&id=60000&write=1'),
            give(5));
like($store->answer($slow[0]), qr/^rc=-1 .*state=57014/,
     'slow: a write is, too');
like(taken($slow[1]), qr/^ok=[05] /, 'slow: the others are answered');
back('slow');


# ------------------------------------------------------------------- read-only

$store->sql('ALTER SYSTEM SET default_transaction_read_only = on');
$store->sql('SELECT pg_reload_conf()');
ok($store->nginx->wait_until(sub {
    taken(give(1));
    return $store->status =~ /^read-only$/;
}, 30), 'read-only: said so');
$pg->run($pg->binary('psql'), '-XAtqw', '-d', $pg->conninfo, '-c',
         'SET default_transaction_read_only = off', '-c',
         'ALTER SYSTEM RESET default_transaction_read_only', '-c',
         'SELECT pg_reload_conf()');
back('read-only');


# ------------------------------------------------------------------ no schema

$store->sql('ALTER SCHEMA rtprop RENAME TO elsewhere');
$store->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            . " WHERE application_name = 'rtprop'");
is($store->wait_status(qr/^schema/), 'schema missing', 'no schema: said so');
$store->sql('ALTER SCHEMA elsewhere RENAME TO rtprop');
back('no schema');

$store->sql("INSERT INTO rtprop.migration VALUES (998, 'newer', false)");
$store->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            . " WHERE application_name = 'rtprop'");
back('a newer schema that still fits');

$store->sql("INSERT INTO rtprop.migration VALUES (999, 'newest', true)");
$store->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            . " WHERE application_name = 'rtprop'");
is($store->wait_status(qr/^schema/), 'schema too new',
   'a newer schema that breaks with this module: said so');
$store->sql("DELETE FROM rtprop.migration WHERE version > 900");
back('a newer schema');


# --------------------------------------------------------- reload, and the end

@given = map { give(50) } 1 .. 5;
$store->nginx->reload;
taken($_) for @given;
back('reloaded');

@given = map { give(50) } 1 .. 5;
my @bad = $store->stop;
taken($_) for @given;
nothing_lost('stopped');
is_deeply(\@bad, [], 'nothing unexpected in the log');

done_testing;
