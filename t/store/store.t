#!/usr/bin/perl

# The store with everything in order: types, batches, errors, locks, the bound
# of the queue.

use strict;
use warnings;

use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;

use Test::More;

use Store;

my $store = Store->start(options => 'queue=1000 batch=100');

is($store->wait_status(qr/^ok$/), 'ok', 'both connections stand');

# what the relay writes when it begins is not counted below

ok($store->nginx->wait_until(sub {
    return $store->sql('SELECT (SELECT count(*) FROM rtprop.lease) > 0'
                       . ' AND (SELECT count(*) FROM rtprop.own_type) > 0')
           eq 't' && $store->metric('rtprop_store_queue') == 0;
}), 'the relay has begun');


# ------------------------------------------------------------------ types

is($store->call('/types'), 'rc=0 rows=1 retried=0 state= '
   . "0=t\xc3\xa4xt;1={\"a\": [1, null]};2=\x01\x02;3=-9007199254740993;4=1;"
   . '5=-2.500;6=1700000000123;7=x/;8=-1/9007199254740993;9=null;10=7;',
   'each type comes back as it went');
like($store->call('/types?n=0&null=1'), qr/ 0=null;.*;8=;/,
     'NULL, and an empty array');


# --------------------------------------------------------------- one work

is($store->call('/put?id=1&value=one'),
   'rc=0 rows=1 retried=0 state= ', 'a write is answered');
is($store->sql('SELECT value FROM probe.item WHERE id = 1'), 'one',
   'and committed');
is($store->call('/get?id=1'), 'rc=0 rows=1 retried=0 state= value=one',
   'a read sees it');
is($store->call('/get?id=2'), 'rc=0 rows=0 retried=0 state= ',
   'no rows are no error');


# ---------------------------------------------------------------- batches

my $batches = $store->metric('rtprop_store_batches_total');

like($store->call('/puts?from=1000&n=500&value=v'),
     qr/^ok=500 refused=0 busy=0 failed=0 retried=0$/m, '500 works in a turn');
is($store->sql('SELECT count(*) FROM probe.item WHERE id >= 1000'), 500,
   'all are there');

# the relay may take its lease and tell what it knows meanwhile

$batches = $store->metric('rtprop_store_batches_total') - $batches;
ok($batches >= 5 && $batches <= 9, 'in 5 transactions') or diag $batches;
is($store->sql('SELECT count(DISTINCT xmin::text) FROM probe.item'
               . ' WHERE id >= 1000'), 5, 'as the database counts, too');
is($store->metric('rtprop_store_commit_seconds_count'),
   $store->metric('rtprop_store_batches_total'), 'each commit was timed');

my $res = $store->call('/puts?from=2000&n=1500&value=v');
like($res, qr/^ok=1000 refused=0 busy=500 failed=0/, 'the queue has a bound');
is($store->metric('rtprop_store_busy_total'), 500, 'said by a metric');
ok($store->nginx->wait_until(sub { !$store->metric('rtprop_store_queue') }),
   'nothing is left in it');


# ----------------------------------------------------------------- errors

like($store->call('/puts?from=4000&n=100&fail=4042&value=v'),
     qr/^ok=99 refused=1 busy=0 failed=0 retried=0$/m,
     'a statement that fails in a batch: only its own work fails');
is($store->sql('SELECT count(*), count(DISTINCT id) FROM probe.item'
               . ' WHERE id BETWEEN 4000 AND 4999'), '99|99',
   'the others are there, once');
ok($store->nginx->wait_log(qr/query probe_fail: no 4042 \(RT001\)/),
   'the error is logged');
is($store->metric('rtprop_store_refused_total'), 1, 'and counted');

is($store->call('/run?query=probe_fail&id=5'),
   'rc=-5 rows=0 retried=0 state=RT001 ', 'a read that fails');
is($store->call('/run?query=probe_fail&id=5&write=1'),
   'rc=-5 rows=0 retried=0 state=RT001 ', 'a lone write that fails');

is($store->call('/put?id=4999&value=%00') =~ s/ .*//sr, 'rc=0',
   'an escape is no octet');
like($store->call("/put?id=4999&value=\xff"), qr/^rc=-5 .*state=22021/,
    'what is no UTF-8 is refused by the database');


# an error that shows at the commit only has no statement

is($store->call('/run?query=probe_late&id=7&write=1'),
   'rc=0 rows=0 retried=0 state= ', 'a deferred check that holds');

my @later = map { $store->later($_) }
            '/run?query=probe_sleep&id=300&write=1', '/put?id=5000&value=v',
            '/run?query=probe_late&id=7&write=1', '/put?id=5001&value=v';

is(join("\n", map { s/ rows.*//r } map { $store->answer($_) } @later),
   "rc=0\nrc=0\nrc=-5\nrc=0", 'a commit that fails: the guilty one is found');
is($store->sql('SELECT count(*) FROM probe.item WHERE id IN (5000, 5001)'), 2,
   'the innocent are committed');


# ------------------------------------------------------------------ locks

my $lock = "SELECT pg_advisory_lock(hashtextextended('a', 0))";
my $holder = fork // die;

if (!$holder) {
    $store->pg->sql("$lock; NOTIFY held; SELECT pg_sleep(1)");
    POSIX::_exit(0);
}

$store->nginx->wait_until(sub {
    $store->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'");
});

my $waits = $store->later('/put?id=6000&value=v&lock=b,a');
ok($store->nginx->wait_until(sub {
    $store->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                . ' AND NOT granted');
}), 'a work waits for its lock');
waitpid $holder, 0;
like($store->answer($waits), qr/^rc=0/, 'and goes on');


# ---------------------------------------------------------- notifications

$store->call('/listen?channel=probe_news');
ok($store->nginx->wait_until(sub {
    $store->call('/status') =~ /^listening probe_news/m
}), 'it listens');
$store->sql("NOTIFY probe_news, 'hello'");
ok($store->nginx->wait_until(sub {
    $store->call('/status') =~ /^notify probe_news hello$/m
}), 'it hears');


# ----------------------------------------------------------------- health

like($store->call('/health'),
     qr/"status": ?"ok".*"store": ?\{[^}]*"status": ?"ok"/, 'health says so');

is_deeply([$store->stop], [], 'nothing unexpected in the log');

done_testing;
