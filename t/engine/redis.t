#!/usr/bin/perl

# The cases of engine.t and carry.t, on Redis.

use strict;
use warnings;

use Test::More;

$ENV{RTPROP_TEST_ENGINE} = 'redis';

for my $cases (qw(engine carry)) {
    my $out = qx($^X -It/lib t/engine/$cases.t 2>&1);
    my $failed = $?;

    is($failed, 0, "$cases.t");
    diag $out if $failed;
}

done_testing();
