#!/usr/bin/perl

# Who lives, on Redis: a worker names the dead of its machine, never one that
# is younger than what it knows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

$ENV{RTPROP_TEST_ENGINE} = 'redis';

require Ops;

my $ops = Ops->start(workers => 2, hold => 1);
my $redis = $ops->redis;

sub living { sort @{$redis->call(ZRANGE => 'rtprop:{$workers}:z', 0, -1)} }
sub lease  { $redis->call(ZSCORE => 'rtprop:{$workers}:z', $_[0]) }

# Names of these processes, once Redis has all of them.

sub names {
    my %pid = map { $_ => 1 } @_;
    my @names;

    $ops->wait_for(sub {
        @names = grep { /^\w+\.\d+\.(\d+)\./ && $pid{$1} } living();
        return @names == keys %pid;
    });

    return @names;
}

my @old = names($ops->nginx->workers);
is(scalar @old, 2, 'two workers live');


# ---- what was said before others came

$ops->hold->hold('{\$workers}:z');
$ops->nginx->reload;
$ops->meet;

my @pids = $ops->nginx->workers;
my @young = names(@pids);
is(scalar @young, 2, 'two others begin, while an old one is not heard');

my %lease = map { $_ => lease($_) } @young;
$ops->hold->release;
ok($ops->wait_for(sub {
    my @now = map { lease($_) // 0 } names(@pids);
    return @now == 2 && !grep { $_ <= $lease{$young[0]} + 1000 } @now;
}), 'it is heard, and they go on');
is_deeply([names(@pids)], \@young, 'by the same names');
unlike($ops->nginx->log, qr/did not know this worker/,
       'nobody was taken for dead');

ok($ops->wait_for(sub {
    my %is = map { $_ => 1 } living();
    return !grep { $is{$_} } @old;
}), 'of the old ones nothing is left');
is($redis->call(EXISTS => 'rtprop:{$workers}:r'), 0, 'nobody is being reaped');


# ---- names that are none of a process

my ($machine) = $young[0] =~ /^(\w+)\./;
my ($slot, $pid) = $young[0] =~ /^\w+\.(\d+)\.(\d+)\./;
my $other = 1 + $pid;
my @dead = ("$machine.$slot.$other.1", "$machine.63.$pid.1");
my @alive = ("$machine.$slot.$pid.77", "0123456789abcdef.$slot.$other.1");

$redis->call(ZADD => 'rtprop:{$workers}:z', time() * 1000 + 3600000, $_)
    for @dead, @alive;

ok($ops->wait_for(sub {
    my %is = map { $_ => 1 } living();
    return !grep { $is{$_} } @dead;
}), 'the dead of this machine are taken out, all of them');

my %is = map { $_ => 1 } living();
ok($is{$alive[0]}, 'not who has a living process');
ok($is{$alive[1]}, "not another machine's");


# ---- a name that was taken away

my ($mine) = grep { /\.@{[$ops->pid(0)]}\./ } @young;
my $renamed = $mine =~ s/\.1$/.2/r;

sub listed {
    my ($name) = @_;
    my @list = map { /\0(?:\x03)(\w{3})/ }
               @{$redis->call(SMEMBERS => "rtprop:{\$worker:$name}:m")};
    return join ' ', sort @list;
}

sub add { (set => 's', user => $_[0], session => "$_[0]1", info => 'i') }

is($ops->call(0, add => add('ann'))->{rc}, 0, 'a user comes');
is(listed($mine), 'ann', 'listed by the name of his worker');

$redis->call(HSET => 'rtprop:{$workers}:r', $mine, 'somebody');
$ops->hold->hold('(?s){\$workers}:z.*' . $mine =~ s/\./\\./gr);
$ops->begin(0, add => add('bob'));
$ops->hold->hold('bob1');
$ops->hold->release;
is($ops->result(0)->{rc}, 0,
   'another comes while the worker does not know that it is taken for dead');

ok($ops->wait_for(sub { listed($renamed) eq 'ann bob' }),
   'it takes a new name, and says once more who is there');

$redis->call(HDEL => 'rtprop:{$workers}:r', $mine);
ok($ops->wait_for(sub { listed($mine) eq '' }),
   'what the former name had is reaped');
my $members = $ops->call(1, members => set => 's', limit => 9);
is("$members->{users} $members->{sessions}", '2 2', 'both stay');
is(scalar(grep { /^gone/ } map { @$_ } $ops->notes), 0, 'nobody was lost');

is_deeply([$ops->stop], [], 'nothing else in the log');

done_testing();
