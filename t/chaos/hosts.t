#!/usr/bin/perl

# Two machines, Redis and PostgreSQL at a third: one of the two, or both, cannot
# reach one of those, or neither, while people chat and bid on both; workers are
# killed, nginx is reloaded, connections are cut.  The checker, which also reads
# the database, finds no fault, and nobody had to start over.
#
# CHAOS_SEED (1) and CHAOS_SECONDS (0: each action once) make a longer run.

use strict;
use warnings;

use lib 't/lib';

use RTProp::Chaos;
use RTProp::Host;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

RTProp::Host->alone;

if (!RTProp::Chaos->install) {
    fail('npm packages of t/chaos');
    done_testing();
    exit;
}

my $redis = RTProp::Redis->new(conf => 'bind 0.0.0.0')->start;
my $postgres = RTProp::Postgres->new(fsync => 1,
    conf => "listen_addresses = '*'\n",
    hba => 'host all all 10.79.0.0/16 trust');
$postgres->start;

my @hosts = map { RTProp::Host->new } 1, 2;
my @nginx = map { rtprop_nginx(
    $_->options, workers => 2, server => RTProp::Chaos::server(),
    allow => [RTProp::Chaos::redis_lines(), RTProp::Chaos::postgres_lines()],
    prefix => 'rtprop_engine redis; rtprop_redis redis://'
              . $_->there('engine') . ':' . $redis->port . ' timeout=1s'
              . ' connect_timeout=1s retry=100ms; rtprop_presence_lease 3s;'
              . ' rtprop_redis_failover 1s; rtprop_postgres "'
              . $postgres->conninfo(host => $_->there('store'))
              . '" timeout=1s connect_timeout=1s migrate=on;') } @hosts;

my $chaos = RTProp::Chaos->new(instances => \@nginx,
                               seed => $ENV{CHAOS_SEED} || 1)->start;

# Of machine n: name, cables, and the state of the engine that is waited for.

sub severed {
    my ($n, $name, $cables, $state) = @_;

    return ["machine $n: $name" => sub {
        $chaos->sever([$hosts[$n]], [$nginx[$n]], $cables, $state);
    }];
}

my @done = $chaos->run([
    $chaos->accidents,
    (map { severed($_, 'no Redis', ['engine']),
           severed($_, 'no Redis for long', ['engine'],
                   RTProp::Chaos::EXCHANGE),
           severed($_, 'no PostgreSQL', ['store']),
           severed($_, 'neither', ['engine', 'store']) } 0, 1),
], $ENV{CHAOS_SECONDS});

$chaos->stop;
$chaos->read_database($postgres);

my ($ok, $text) = $chaos->judge;
ok($ok, 'nothing is wrong after ' . join(', ', @done)) or diag($text);
note($text);

done_testing();
