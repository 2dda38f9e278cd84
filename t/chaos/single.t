#!/usr/bin/perl

# One nginx on the embedded engine: workers are killed, nginx is reloaded,
# connections are cut while people chat and bid; the history checker finds no
# fault, and nobody had to start over.
#
# CHAOS_SEED (1) and CHAOS_SECONDS (0: each action once) make a longer run.

use strict;
use warnings;

use lib 't/lib';

use RTProp::Chaos;
use RTProp::Test;

if (!RTProp::Chaos->install) {
    fail('npm packages of t/chaos');
    done_testing();
    exit;
}

my $nginx = rtprop_nginx(server => RTProp::Chaos::server());
my $chaos = RTProp::Chaos->new(instances => [$nginx],
                               seed => $ENV{CHAOS_SEED} || 1)->start;

my @done = $chaos->run([
    $chaos->accidents,
    ['kill -9 two workers' => sub { $nginx->kill_worker for 1, 2 }],
], $ENV{CHAOS_SECONDS});

$chaos->stop;

my ($ok, $text) = $chaos->judge;
ok($ok, 'nothing is wrong after ' . join(', ', @done)) or diag($text);
note($text);
like($text, qr/\b[1-9]\d* resumed/, 'people had to come back');

done_testing();
