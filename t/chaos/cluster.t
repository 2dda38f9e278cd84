#!/usr/bin/perl

# Two nginx with a Redis between them and a PostgreSQL behind: workers,
# instances, Redis (with its data, and without; for a moment, or so long that
# the database takes over) and PostgreSQL are killed, held or slow, Redis is
# full, nginx is reloaded, connections are cut while people chat and bid on
# both.  The checker, which also reads the database, finds no fault, and nobody
# had to start over.
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

my $redis = RTProp::Redis->new(keep => 1);
$redis->start;

my $postgres = RTProp::Postgres->new(fsync => 1);
$postgres->start;

my @nginx = map { rtprop_nginx(
    workers => 2, server => RTProp::Chaos::server(),
    allow => [RTProp::Chaos::redis_lines(), RTProp::Chaos::postgres_lines(),
              qr/refuses commands: out of memory /],
    prefix => 'rtprop_engine redis; rtprop_redis ' . $redis->url
              . ' timeout=1s; rtprop_presence_lease 3s;'
              . ' rtprop_redis_failover 1s;'
              . ' rtprop_postgres "'
              . $postgres->conninfo . '" timeout=1s migrate=on;') } 1, 2;

my $chaos = RTProp::Chaos->new(instances => \@nginx,
                               seed => $ENV{CHAOS_SEED} || 1)->start;

my @done = $chaos->run([
    $chaos->accidents, $chaos->deaths,
    ['kill -9 Redis' => sub { $redis->kill; $redis->start }],
    ['kill -9 Redis, its data lost' => sub { $redis->kill; $redis->wipe;
                                             $redis->start }],
    ['hold Redis' => sub { $chaos->hold($redis) }],
    ['slow Redis' => sub { $chaos->limp($redis, 1) }],
    ['Redis is full' => sub {
        $redis->call(qw(CONFIG SET maxmemory-policy noeviction));
        $redis->call(qw(CONFIG SET maxmemory 1));
        $chaos->until_healthy(0, @nginx);
        $chaos->progress;
        $chaos->cut(5);
        $chaos->progress;
        $redis->call(qw(CONFIG SET maxmemory 0));
        $chaos->until_healthy(1, @nginx) }],
    ['Redis away for long' => sub {
        $chaos->away($redis, sub { $chaos->cut(5) });
        $redis->start }],
    ['Redis away for long, its data lost, and a worker' => sub {
        $chaos->away($redis, sub { $nginx[0]->kill_worker });
        $redis->wipe;
        $redis->start }],
    ['kill -9 PostgreSQL' => sub { $postgres->kill; $postgres->start }],
    ['restart PostgreSQL' => sub { $postgres->stop; $postgres->start }],
    ['hold PostgreSQL' => sub { $chaos->hold($postgres) }],
    ['slow PostgreSQL' => sub { $chaos->limp($postgres, 2) }],
], $ENV{CHAOS_SECONDS});

$chaos->stop;
$chaos->read_database($postgres);

my ($ok, $text) = $chaos->judge;
ok($ok, 'nothing is wrong after ' . join(', ', @done)) or diag($text);
note($text);
like($text, qr/\b[1-9]\d* resumed/, 'people had to come back');

done_testing();
