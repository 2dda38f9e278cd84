#!/usr/bin/perl

# Reloads, and kill -9 of workers, again and again under load: clients who
# resume lose nothing and hear nothing twice, and old workers leave.

use strict;
use warnings;

use lib 't/lib', 't/hard';
use Hard;
use Rider;
use RTProp::Test;

my $reloads = full(100, 20);           # in a round
my $kills = full(100, 8);
my $pairs = full(8, 3);

my $nginx = serve(http => "rtprop_drain 300ms;\n");
$nginx->allow(qr/shared memory zone "rtprop" was locked by/);


rounds("$reloads reloads", sub {
    my @riders = map { rider("r$_") } 1 .. $pairs;

    for (1 .. $reloads) {
        until_true(sub { metric('rtprop_ws_connections') >= 2 });
        $nginx->reload;
    }

    riders_ok('reloads', @riders);
    ok($nginx->wait_drained(10), 'old workers are gone');
}, kept => 1);


rounds("$kills killed workers", sub {
    my @riders = map { rider("k$_") } 1 .. $pairs;

    for (1 .. $kills) {
        until_true(sub { metric('rtprop_ws_connections') >= 2 });
        $nginx->kill_worker(($nginx->workers)[rand 2]);
    }

    # all at once
    my @pids = $nginx->workers;
    $nginx->{killed}{$_} = 1 for @pids;
    kill KILL => @pids;
    until_true(sub {
        my %old = map { $_ => 1 } @pids;
        2 == grep { !$old{$_} } $nginx->workers;
    });

    riders_ok('kills', @riders);
}, kept => 1, killed => 1);

done_testing();
