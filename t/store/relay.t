#!/usr/bin/perl

# The outbox: what a transaction says by rtprop.emit() is told if it commits,
# once, in order, also after outages and deaths; the example's triggers.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Facts;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;
$pg->sql('', file => RTProp::Nginx::top() . '/sql/examples/properties.sql');
$pg->sql("INSERT INTO properties (id, title, price)"
         . " VALUES (1, 'Canal house', 45000000)");

my $nginx = rtprop_nginx(workers => 2, allow => [qr/PostgreSQL|outbox_refused/],
    prefix => 'rtprop_postgres "' . $pg->conninfo . '" grace=1s;');

sub metric {
    my ($name) = @_;
    my $res = http()->get('/metrics');
    my ($value) = ($res->{body} // '') =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
}

sub emit {
    my ($n, $channel) = @_;
    $channel //= 'property:1';
    return qq{SELECT rtprop.emit('$channel', 'property:news', '{"n": $n}');};
}

ok($nginx->wait_until(sub { metric('rtprop_relay_held') == 1 }, 30),
   'one worker relays');
ok($nginx->wait_until(sub {
    $pg->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
}, 30), 'and listens');


# ------------------------------------------------------------- the triggers

my $ann = client(user => 'ann');
$ann->send_json('property:view', { property_id => '1' });
my $state = $ann->wait_for('property:state');
ok($state, 'a viewer');

$pg->sql('BEGIN; UPDATE properties SET price = 40000000; ROLLBACK');
$pg->sql("UPDATE properties SET price = 44000000, status = 'under_offer'");

my $status = $ann->wait_for('property:status_changed');
is($status->{payload}{old_status}, 'available', 'a change of status');
is($status->{payload}{new_status}, 'under_offer', 'its new one');
is($status->{payload}{property_id}, '1', 'of the property');
is($status->{offset}, 1, 'it is reliable, and the first: no rolled back one');

my $price = $ann->wait_for('property:price_updated');
is($price->{payload}{old_price}, 45000000, 'a change of price');
is($price->{payload}{new_price}, 44000000, 'its new one');
is($price->{payload}{percentage_change}, -2.2, 'in percent');
is($price->{payload}{is_price_drop}, true, 'it dropped');
cmp_ok($price->{payload}{event_id}, '>', $status->{payload}{event_id},
       'the events are numbered');
is($price->{offset}, 2, 'next in the channel');

$pg->sql("UPDATE properties SET title = 'Tower'");
is($pg->sql('SELECT count(*) FROM rtprop.outbox'), 0, 'nothing else is told');


# --------------------------------------------- whole transactions, in order

sub news {
    my ($n) = @_;
    my @got;

    while (@got < $n) {
        my $event = $ann->wait_for('property:news') or last;
        push @got, $event;
    }

    return @got;
}

$pg->sql(join ' ', 'BEGIN;', (map { emit($_) } 1 .. 200), 'COMMIT');
my @got = news(200);
is(join(' ', map { $_->{payload}{n} } @got), join(' ', 1 .. 200),
   '200 of a transaction, in order');
is(join(' ', map { $_->{offset} } @got), join(' ', 3 .. 202), 'without gap');

# the lower number commits later
my $slow = fork // die;

if (!$slow) {
    $pg->sql('BEGIN; ' . emit(301) . " SELECT pg_advisory_lock(1);"
             . ' SELECT pg_sleep(0.5); COMMIT');
    POSIX::_exit(0);
}

$nginx->wait_until(sub {
    $pg->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
             . " AND objid = 1")
});
$pg->sql(emit(302));
is((news(1))[0]{payload}{n}, 302, 'what commits first is told first');
waitpid $slow, 0;
is((news(1))[0]{payload}{n}, 301, 'what commits later is not lost');


# --------------------------------------- what nobody told, since he had died

$pg->sql("SELECT * FROM rtprop.append(true, ARRAY['property:1'],"
         . " ARRAY['property:news'], ARRAY['{\"n\": 401}'],"
         . " ARRAY[401::bigint], ARRAY[''], ARRAY[0::bigint],"
         . " ARRAY[0::bigint], ARRAY[''],"
         . ' 99, false)');
is((news(1))[0]{payload}{n}, 401, 'what was committed only is told');


# ----------------------------------------------------------------- outages

$pg->stop('fast');
$pg->start;
$pg->sql(emit(501));
is((news(1))[0]{payload}{n}, 501, 'after a restart of the database');

my $holder = $pg->sql('SELECT holder FROM rtprop.lease');
$nginx->kill_worker($_) for $nginx->workers;
$pg->sql(join ' ', map { emit($_) } 601 .. 610);

ok($nginx->wait_until(sub {
    $pg->sql('SELECT count(*) FROM rtprop.outbox') == 0
}, 30), 'after kill -9 of all workers the outbox is emptied');
is($pg->sql("SELECT count(*) FROM rtprop.lease WHERE holder <> $holder"), 1,
   'by another one');

my $bob = client(user => 'bob');
$bob->send_json('resume', { channels => { 'property:1' => {
    epoch => $state->{epoch},
    offset => $got[-1]{offset} } } });
my $resumed = $bob->wait_for('resumed');
ok($resumed->{payload}{channels}{'property:1'}{recovered},
   'who was away resumes');
is(join(' ', map { $_->{payload}{n} }
        grep { ($_->{type} // '') eq 'property:news' } $bob->events) || 'none',
   '302 301 401 501 601 602 603 604 605 606 607 608 609 610',
   'and gets all, once, in order');

$nginx->stop;
$pg->sql(join ' ', map { emit($_) } 701 .. 705);
is($pg->sql('SELECT count(*) FROM rtprop.outbox'), 5,
   'with nginx down it waits');
$nginx->start;
ok($nginx->wait_until(sub {
    $pg->sql('SELECT count(*) FROM rtprop.outbox') == 0
}, 30), 'and is told when nginx is back');


# -------------------------------------------------------- refusals and rights

for my $case (["'nobody:1', 'a', '{}'", 'no channel'],
              ["'all', 'a', '{}'", 'no channel'],
              ["'property:', 'a', '{}'", 'no channel'],
              ["'property:' || repeat('x', 200), 'a', '{}'", 'no channel'],
              ["NULL, 'a', '{}'", 'no channel'],
              ["'property:1', 'a b', '{}'", 'no type'],
              ["'property:1', NULL, '{}'", 'no type'],
              ["'property:1', 'property:state', '{}'", 'the server alone'],
              ["'auction:1', 'auction:new_bid', '{}'", 'the server alone'],
              ["'user:ann', 'welcome', '{}'", 'the server alone'],
              ["'property:1', 'a', '[]'", 'an object'],
              ["'property:1', 'a', NULL", 'an object'],
              ["'property:1', 'a', jsonb_build_object('a',"
               . " repeat('x', 70000))", 'an object'])
{
    like($pg->sql("SELECT rtprop.emit($case->[0])", may => 1),
         qr/rtprop\.emit: .*$case->[1]/, "emit refuses $case->[0]");
}


# what came past emit() is set aside, and holds up nobody

is($pg->sql("SELECT string_agg(type, ' ' ORDER BY type COLLATE \"C\")"
            . ' FROM rtprop.own_type'), join(' ', own_events()),
   'the database knows what only the server tells');

$ann = client(user => 'ann');
$ann->send_json('property:view', { property_id => '1' });
$ann->wait_for('property:state');
$ann->clear;
my $insert = 'INSERT INTO rtprop.outbox (channel, type, payload) VALUES ';
$pg->sql(join ' ', 'BEGIN;',
         (map { "$insert ('property:1', '$_', '{\"price\": 1}');" }
              ('property:state') x 3, 'resumed'), emit(751), 'COMMIT');
is((news(1))[0]{payload}{n}, 751, 'what follows is told');
is($pg->sql('SELECT count(*) FROM rtprop.outbox'), 0, 'the outbox is empty');
is($pg->sql('SELECT type, count(*), min(reason) FROM rtprop.outbox_refused'
            . ' GROUP BY type ORDER BY type'),
   "property:state|3|told by the server alone\n"
   . 'resumed|1|told by the server alone', 'the rest is set aside');
is(join(' ', grep { !/viewer_count/ } map { $_->{type} } $ann->events), '',
   'and not told');
is(metric('rtprop_relay_refused_total'), 4, 'it is counted');
like($nginx->log, qr/4 rows of the outbox are in rtprop\.outbox_refused/,
     'and logged');

$pg->sql("$insert ('property:1', 'welcome', '{}')") for 1 .. 2;
ok($nginx->wait_until(sub {
    $pg->sql('SELECT count(*) FROM rtprop.outbox_refused') == 6
}, 30), 'with nothing else in it as well');
is($pg->sql('SELECT rtprop.outbox_take(1, \'{}\', 1)'), 0,
   'modules before this one ask as they did');

$pg->sql('CREATE ROLE site_app; CREATE ROLE site_web LOGIN');
$pg->run('psql', '-Xqw', '-v', 'app=site_app', '-v', 'emitter=site_web', '-d',
         $pg->conninfo, '-f', RTProp::Nginx::top() . '/sql/roles.sql');
like($pg->sql(emit(801), conn => { user => 'site_web' }), qr/^\d+$/,
     'the platform\'s role may emit');

for my $sql ('SELECT * FROM rtprop.outbox', 'DELETE FROM rtprop.event',
             "SELECT rtprop.outbox_take(1, '{}', 1)",
             "SELECT rtprop.lease_take('relay', 1, 1)")
{
    like($pg->sql($sql, conn => { user => 'site_web' }, may => 1),
         qr/permission denied/, "but not: $sql");
}

cmp_ok(metric('rtprop_relay_events_total'), '>=', 1, 'events are counted');
cmp_ok(metric('rtprop_relay_lag_seconds_count'), '>=', 1, 'and timed');

done_testing;
