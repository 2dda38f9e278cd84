#!/usr/bin/perl

# Two nginx with a Redis between them that keeps its data: workers, instances
# and Redis are killed, held or slow, nginx is reloaded, connections are cut
# while people chat and bid on both; the history checker finds no fault, and
# nobody had to start over.
#
# CHAOS_SEED (1) and CHAOS_SECONDS (0: each action once) make a longer run.

use strict;
use warnings;

use lib 't/lib';

use RTProp::Chaos;
use RTProp::Redis;
use RTProp::Test;

if (!RTProp::Chaos->install) {
    fail('npm packages of t/chaos');
    done_testing();
    exit;
}

my $redis = RTProp::Redis->new(keep => 1);
$redis->start;

my @nginx = map { rtprop_nginx(
    workers => 2, server => RTProp::Chaos::server(),
    allow => [RTProp::Chaos::redis_lines()],
    prefix => 'rtprop_engine redis; rtprop_redis ' . $redis->url
              . ' timeout=1s; rtprop_presence_lease 3s;') } 1, 2;

my $chaos = RTProp::Chaos->new(instances => \@nginx,
                               seed => $ENV{CHAOS_SEED} || 1)->start;

my @done = $chaos->run([
    $chaos->accidents, $chaos->deaths,
    ['kill -9 Redis' => sub { $redis->kill; $redis->start }],
    ['hold Redis' => sub { $chaos->hold($redis) }],
    ['slow Redis' => sub { $chaos->limp($redis, 1) }],
], $ENV{CHAOS_SECONDS});

$chaos->stop;

my ($ok, $text) = $chaos->judge;
ok($ok, 'nothing is wrong after ' . join(', ', @done)) or diag($text);
note($text);
like($text, qr/\b[1-9]\d* resumed/, 'people had to come back');

done_testing();
