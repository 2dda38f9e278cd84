#!/usr/bin/perl

# Two nginx on a Redis cluster, and then behind Sentinels, with a PostgreSQL:
# nodes are killed, so that others take over which lack what they had not been
# told yet, or are slow; workers are killed, nginx is reloaded, connections are
# cut while people chat and bid on both.  The checker, which also reads the
# database, finds no fault, and nobody had to start over.
#
# CHAOS_SEED (1) and CHAOS_SECONDS (0: each action once) make a longer run.

use strict;
use warnings;

use lib 't/lib';

use RTProp::Chaos;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

if (!RTProp::Chaos->install) {
    fail('npm packages of t/chaos');
    done_testing();
    exit;
}

my @allow = (RTProp::Chaos::redis_lines(), RTProp::Chaos::postgres_lines(),
             qr/refuses commands: /, qr/no node of the Redis cluster answers/,
             qr/is away: read-only replica/, qr/Sentinel/);


sub one { $_[rand @_] }


# Chaos with a Redis at $url, whose nodes these are; steady() is true when all
# of them serve, or stand by.

sub suffer {
    my ($name, $url, $nodes, $steady) = @_;
    my $postgres = RTProp::Postgres->new(fsync => 1);
    $postgres->start;

    my @nginx = map { rtprop_nginx(
        workers => 2, server => RTProp::Chaos::server(), allow => \@allow,
        prefix => "rtprop_engine redis; rtprop_redis $url timeout=1s"
                  . ' connect_timeout=1s retry=200ms;'
                  . ' rtprop_presence_lease 3s; rtprop_redis_failover 2s;'
                  . ' rtprop_postgres "' . $postgres->conninfo
                  . '" timeout=1s migrate=on;') } 1, 2;

    my $chaos = RTProp::Chaos->new(instances => \@nginx,
                                   seed => $ENV{CHAOS_SEED} || 1)->start;

    my $dies = sub {
        my $node = one(@$nodes);

        $node->kill;
        $chaos->progress;
        $node->start;
        $node->wait_until($steady, 60) or die "$name: never steady again";
        $chaos->until_healthy(1, @nginx);
    };

    my @done = $chaos->run([
        $chaos->accidents,
        (map { ["kill -9 a node ($_)" => $dies] } 1 .. 3),
        ['a slow node' => sub { $chaos->limp(one(@$nodes), 1) }],
    ], $ENV{CHAOS_SECONDS});

    $chaos->stop;
    $chaos->read_database($postgres);

    my ($ok, $text) = $chaos->judge;
    ok($ok, "$name: nothing is wrong after " . join(', ', @done))
        or diag($text);
    note($text);

    $_->stop for @nginx;
}


{
    my ($masters, $replicas) = RTProp::Redis->cluster(3, 3);
    my @nodes = (@$masters, @$replicas);

    suffer('cluster', 'cluster://' . join(',', map { '127.0.0.1:' . $_->port }
                                               @nodes),
           \@nodes, sub { !grep { !$_->cluster_ok } @nodes });
}

{
    my $master = RTProp::Redis->new->start;
    my @nodes = ($master, map {
        RTProp::Redis->new(replica_of => $master)->start
    } 1, 2);
    my @sentinels = map {
        RTProp::Redis->new(sentinel => 1, conf => <<"END")->start;
sentinel monitor main 127.0.0.1 $master->{port} 2
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
END
    } 1 .. 3;

    # one of them is the master, the others have what it has

    my $steady = sub {
        my @role = sort map { eval { $_->info('role') } // '' } @nodes;
        my @link = map { eval { $_->info('master_link_status') } // '' }
                   @nodes;

        return "@role" eq 'master slave slave'
               && 2 == grep { $_ eq 'up' } @link;
    };

    $master->wait_until($steady, 60) or die 'Sentinels: never steady';

    for my $sentinel (@sentinels) {
        $sentinel->wait_until(sub {
            my %main = @{$sentinel->call(SENTINEL => 'MASTER', 'main') || []};
            return $main{'num-other-sentinels'} == 2
                   && $main{'num-slaves'} == 2;
        }, 60) or die 'Sentinels do not know each other';
    }

    suffer('Sentinels', 'sentinel://'
           . join(',', map { '127.0.0.1:' . $_->port } @sentinels) . '/main',
           \@nodes, $steady);
}

done_testing();
