#!/usr/bin/perl

# The smallest zone, full: old history goes first, then there is no room, and
# room again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Ops;

use constant { OK => 0, BUSY => -3 };

my $ops = Ops->start(zone => '1m', workers => 2);
my $res;


# ---- history gives way

$res = $ops->call(0, publish => channel => 'old', type => 'x', size => 300);
my $old = $res->{epoch};
$res = $ops->call(0, history => channel => 'heard', subscribe => 1);
my $heard = $res->{epoch};

for my $n (0 .. 9) {
    is($ops->call(0, fill => n => 500, first => 500 * $n, size => 300)->{done},
       500, "events in many channels, $n");
}

like($ops->call(1, 'check')->{body}, qr/^ok /m, 'the zone is whole');
my ($evicted) = $ops->call(1, 'stats')->{body}
                =~ /^rtprop_engine_evicted_total (\d+)/m;
cmp_ok($evicted, '>', 3000, 'old ones were dropped and counted');

$res = $ops->call(0, history => channel => 'old', epoch => $old, since => 1,
                  limit => 10);
is("$res->{recovered} $res->{offset}", '0 0', 'and are not recovered');
isnt($res->{epoch}, $old, 'the epoch is another');
$res = $ops->call(0, publish => channel => 'old', type => 'x', size => 300);
is($res->{offset}, 1, 'it begins again');
isnt($res->{epoch}, $old, 'in another epoch');
$res = $ops->call(0, history => channel => 'fill:4999', limit => 10);
is($res->{n}, 1, 'the newest are there');
$res = $ops->call(0, history => channel => 'heard', epoch => $heard,
                  limit => 1);
is($res->{recovered}, 1, 'a channel that is listened to stays');

$res = $ops->call(0, put => key => 'doc', value => 'x' x 60000);
is($res->{rc}, OK, 'a big document has room');
is(length $ops->call(1, get => key => 'doc')->{value}, 60000, 'and is whole');
$res = $ops->call(0, publish => channel => 'long', type => 'x', size => 60000);
is($res->{rc}, OK, 'a big event as well');
$res = $ops->call(1, history => channel => 'long', limit => 1);
is($res->{lines}[1], 'event long x 1 60000 0', 'and is whole');


# ---- nothing is left to give

$res = $ops->call(0, fill => set => 'all', n => 20000);
my $members = $res->{done};
cmp_ok($res->{done}, '>', 4000, 'members until the zone is full');
cmp_ok($res->{done}, '<', 20000, 'then they are refused');
is($ops->call(0, put => key => 'doc2', value => '1' x 900)->{rc}, BUSY,
   'so are new documents');


# ---- what must go on has its reserve

my %bad;
for my $n (1 .. 500) {
    $res = $ops->call(0, publish => channel => 'on' . $n % 20, type => 'x',
                      payload => '1' x (300 + $n % 3 * 300));
    $bad{"event $res->{rc}"}++ if $res->{rc} != OK;
}
is_deeply(\%bad, {}, 'events go on');
$res = $ops->call(0, put => key => 'small', value => '1' x 90);
is($res->{rc}, BUSY, 'their room is nothing for documents');
$res = $ops->call(0, get => key => 'doc');
is($ops->call(0, put => key => 'doc', version => $res->{version},
              value => 'x' x 20000)->{rc}, OK, 'a document shrinks');
is($ops->call(0, put => key => 'doc2', value => '1' x 900)->{rc}, OK,
   'and leaves room to others');
is($ops->call(1, counter => name => 'n' x 600, delta => 1)->{rc}, OK,
   'counters go on');
is($ops->call(1, members => set => 'all', limit => 1)->{users}, $members,
   'who was admitted is there');
is(length $ops->call(1, get => key => 'doc')->{value}, 20000,
   'documents stay');
like($ops->call(1, 'check')->{body}, qr/^ok /m, 'the zone is whole');
is($ops->call(0, rate => user => 'u', class => 2, rate => 1000,
              burst => 5)->{rc}, OK, 'no limit is kept, none is refused');
$ops->call(0, publish => channel => 'v', type => 'x', flags => 1,
           payload => '1');
is($ops->call(0, publish => channel => 'v', type => 'x', flags => 1,
              payload => '1')->{rc}, OK, 'volatile events need no room');


# ---- a name too long is refused without making room for it

is($ops->call(1, counter => name => 'n' x 5000, delta => 1)->{rc}, BUSY,
   'a name too long');
is(scalar(grep { /is full/ } split /\n/, $ops->nginx->log) <= 4, 1,
   'the log is not flooded');


# ---- many users of a dead worker

$ops->call(0, 'seen');
my $count = $members;
$ops->kill(0);
ok($ops->wait_for(sub {
    $ops->call(0, members => set => 'all', limit => 1)->{users} == 0;
}, 4), 'all of them go within 4 seconds');
my %gone;
ok($ops->wait_for(sub {
    $gone{$_}++ for map { /^gone all (\w+)/ } map { @$_ } $ops->notes;
    return keys %gone == $count;
}), 'each is announced');
is(scalar(grep { $_ > 1 } values %gone), 0, 'once');
is($ops->call(0, publish => channel => 'new', type => 'x',
              payload => '1' x 900)->{rc}, OK, 'there is room again');
like($ops->call(1, 'check')->{body}, qr/^ok /m, 'the zone is whole');

is_deeply([$ops->stop], [], 'nothing else in the log');


# ---- counters over configurations

$ops = Ops->start(http => 'ops_extra;', workers => 2);
$ops->call($_, extra => n => 200) for 0, 1;
is($ops->call(0, 'extra', n => 0)->{value}, 400, 'a counter of all workers');

my $text = $ops->call(1, 'stats')->{body};
like($text, qr/^# TYPE ops_extra_total counter\nops_extra_total\{a="b"\} 400$/m,
     'rendered');
like($text, qr/^ops_extra 400$/m, 'a gauge');
like($text, qr/^ops_extra_seconds_bucket\{le="0.000250"\} 3$/m, 'buckets');
like($text, qr/^ops_extra_seconds_sum 0.000400\nops_extra_seconds_count 3$/m,
     'sum and count');

$ops->{http} = '';
$ops->nginx->reload(full => $ops->conf);
$ops->meet;
$ops->nginx->wait_drained;
$text = $ops->call(0, 'stats')->{body};
unlike($text, qr/ops_extra/, 'another configuration does not have them');
$ops->{http} = 'ops_extra;';
$ops->nginx->reload(full => $ops->conf);
$ops->meet;
$ops->nginx->wait_drained;
ok($ops->wait_for(sub {
    $text = $ops->call(0, 'stats')->{body};
    return $text =~ /^ops_extra\{a="b"\} 0$|^ops_extra 0$/m;
}), 'gauges went with the workers');
like($text, qr/^ops_extra_total\{a="b"\} 400$/m, 'counters were kept');
like($ops->call(1, 'check')->{body}, qr/^ok /m, 'the zone is whole');
is_deeply([$ops->stop], [], 'nothing else in the log');

done_testing();
