#!/usr/bin/perl

# A worker whose lease ended while it could not reach Redis, and whose members
# were taken out: it says them again, and that they came; also if what it sent
# before, by a connection that it gave up, arrives only then.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

$ENV{RTPROP_TEST_ENGINE} = 'redis';

require Ops;

my $ops = Ops->start(workers => 2, hold => 1, timeout => '1s');
my $redis = $ops->redis;

sub mine {
    my $pid = $ops->pid(0);
    my ($name) = grep { /^\w+\.\d+\.$pid\./ }
                 @{$redis->call(ZRANGE => 'rtprop:{$workers}:z', 0, -1)};
    return $name;
}

sub lease { $redis->call(ZSCORE => 'rtprop:{$workers}:z', $_[0]) // 0 }

sub users {
    my $members = $ops->call(1, members => set => 's', limit => 9);
    return "$members->{users} users, $members->{sessions} sessions";
}

sub told {
    my ($what) = @_;
    return grep { /^$what / } map { @$_ } $ops->notes;
}

$ops->wait_for(sub { mine() });

for my $user (qw(ann bob)) {
    is($ops->call(0, add => (set => 's', user => $user, session => "${user}1",
                             info => 'i'))->{rc}, 0, "$user comes");
}


# ---- its last word comes when all that it had is gone

my $former = mine();
my $logged = $ops->nginx->log_size;

$ops->hold->hold('(?s){\$workers}:z.*' . quotemeta $former);
ok($ops->wait_for(sub {
    my $log = substr $ops->nginx->log, $logged;
    return $log =~ /away: no reply.*connected to Redis/s;
}), 'a connection is given up, and another one made');
is(mine(), $former, 'the worker has its name still');

$redis->call(ZREM => 'rtprop:{$workers}:z', $former);
$redis->call(DEL => 'rtprop:{s}:p', "rtprop:{\$worker:$former}:m");
$ops->hold->release;

ok($ops->wait_for(sub { users() eq '2 users, 2 sessions' }),
   'who is there is said again');
isnt(mine(), $former, 'by another name');

my @came;
ok($ops->wait_for(sub { push @came, told('came'); @came == 2 }),
   'they are told of as come');
is(join(', ', sort @came), 'came s ann i 1, came s bob i 2', 'both');


# ---- Redis lost its data: nobody was told of as gone

$redis->call('FLUSHALL');
ok($ops->wait_for(sub { users() eq '2 users, 2 sessions' }),
   'after a loss of data they are said again');

my $name = mine();
my $lease = lease($name);
ok($ops->wait_for(sub { lease($name) > $lease + 4000 }), 'it goes on');
is(scalar told('came|gone'), 0, 'and nobody is told of');

is_deeply([grep { !/is away: no reply/ } $ops->stop], [],
          'nothing else in the log');

done_testing();
