#!/usr/bin/perl

# The Redis client follows what a real trio of Sentinels says.

use strict;
use warnings;

use lib 't/lib', 't/redis';
use RTProp::Redis;
use Talk;
use Test::More;

my $quick = 'timeout=500ms connect_timeout=500ms retry=100ms';
my $master = RTProp::Redis->new(password => 'secret')->start;
my $replica = RTProp::Redis->new(password => 'secret', replica_of => $master)
                           ->start;

my @sentinels = map {
    RTProp::Redis->new(sentinel => 1, conf => <<"END")->start;
sentinel monitor main 127.0.0.1 $master->{port} 2
sentinel auth-pass main secret
sentinel down-after-milliseconds main 2000
sentinel failover-timeout main 3000
sentinel parallel-syncs main 1
END
} 1 .. 3;

# who is asked of the Sentinels' state

sub sentinel {
    my ($n, @words) = @_;
    return $sentinels[$n]->call(SENTINEL => @words);
}

sub known {
    my ($n) = @_;
    my %main = @{sentinel($n, 'MASTER', 'main') || []};
    return $main{'num-other-sentinels'} == 2 && $main{'num-slaves'} == 1
           && $main{flags} eq 'master';
}

ok($master->wait_until(sub { known(0) && known(1) && known(2) }, 60),
   'three Sentinels know one another and the replica');

sub links { $_[0]->info('master_link_status') eq 'up' }
ok($replica->wait_until(sub { links($replica) }, 60), 'the replica follows');


# a wrong name, Sentinels that are none

my @hosts = map { '127.0.0.1:' . $_->port } @sentinels;
my $nobody = '127.0.0.1:' . RTProp::Nginx::free_port();

my @none = (
    ["sentinel://$hosts[0],$hosts[1]/other",
     qr/^no Sentinel helps: a Sentinel does not know "other"$/],
    ['sentinel://127.0.0.1:' . $master->port . '/main',
     qr/^no Sentinel helps: password required$/],
    ['sentinel://127.0.0.1:' . $master->port . '/main '
     . 'sentinel_password_file=secret',
     qr/^no Sentinel helps: the Sentinel refuses: ERR unknown command/],
    ["sentinel://$nobody/main", qr/^no Sentinel helps: Connection refused$/],
    ["redis://$hosts[0]", qr/^this is a Sentinel, its address is sentinel:/],
);

for (@none) {
    my ($url, $status) = @$_;
    my $talk = Talk->start("$url $quick", files => { secret => 'secret' });

    ok($talk->wait_status($status), "$url: status") or diag($talk->status);
    is_deeply([$talk->stop(qr/is away: /)], [], 'nothing else in the log');
}


# the way to the master, past a Sentinel that is not there

my $talk = Talk->start("sentinel://:secret\@$nobody,"
                       . join(',', @hosts) . "/main/2 $quick");
ok($talk->wait_note(qr/^up$/m), 'connected');
is($talk->status, 'ok', 'status');
is($talk->command('SET', 'a', 1)->{reply}, 'OK', 'to the master');
$talk->subscribe('c');
ok($talk->wait_note(qr/^subscribed c$/m), 'subscribed');


# the master dies

$talk->forget;
$master->kill;
ok($talk->wait_note(qr/^down /m), 'the master is killed');
ok($talk->wait_note(qr/^up$/m, 60), 'its replica is found');
ok($talk->wait_for(sub { $talk->command('SET', 'a', 2)->{ok} }), 'it serves');
$replica->call(SELECT => 2);
is($replica->call(GET => 'a'), 2, 'it is the replica, the same database');
$replica->call(PUBLISH => 'c', 'hello');
ok($talk->wait_note(qr/^message c hello$/m), 'subscriptions are there');


# the old master is back; an orderly failover.  A slow machine may make the
# Sentinels change their mind by themselves, so who is master is asked.

sub roles {
    for my $pair ([$master, $replica], [$replica, $master]) {
        my ($first, $second) = @$pair;
        return @$pair if ($first->info('role') // '') eq 'master'
                         && ($second->info('role') // '') eq 'slave'
                         && $second->info('master_port') == $first->port
                         && links($second);
    }

    return;
}

# What a Sentinel knows of the replica.  One that still takes it for a master
# would turn it back after it was made one.

sub knows {
    my ($n, $port) = @_;

    for my $known (@{sentinel($n, 'REPLICAS', 'main') || []}) {
        my %replica = @$known;
        return 1 if $replica{port} == $port && $replica{flags} eq 'slave'
                    && $replica{'role-reported'} eq 'slave'
                    && $replica{'master-link-status'} eq 'ok';
    }

    return;
}

my ($first, $second);

$master->start;
ok($master->wait_until(sub { ($first, $second) = roles(); $second }, 60),
   'the old master is back, one of the two follows the other');
ok($master->wait_until(sub {
    ($first, $second) = roles();
    return $second && !grep { !knows($_, $second->port) } 0 .. $#sentinels;
}, 60), 'all Sentinels know that');

$talk->forget;
ok($master->wait_until(sub {
    sentinel(1, 'FAILOVER', 'main');
    return ($second->info('role') // '') eq 'master';
}, 60), 'a failover is ordered');
ok($talk->wait_note(qr/^down /m, 60), 'the master changes');
ok($talk->wait_note(qr/^up$/m, 60), 'and is followed');
ok($master->wait_until(sub {
    return if !$talk->command('SET', 'b', 3)->{ok};
    my ($now) = roles() or return;
    $now->call(SELECT => 2);
    return ($now->call(GET => 'b') // 0) == 3;
}, 60), 'what is written is at the one that is master now');


# no Sentinel at all: what is connected stays so

$talk->forget;
$_->kill for @sentinels;
ok($talk->nginx->wait_log(qr/Sentinel "\S+" is away: /), 'Sentinels are gone');
is($talk->command('SET', 'c', 4)->{reply}, 'OK', 'the master serves on');
is($talk->status, 'ok', 'status');
unlike($talk->notes, qr/down/, 'nothing was lost');

is_deeply([$talk->stop(qr/is away: /, qr/refuses commands: read-only/)], [],
          'nothing unexpected in the log');

done_testing();
