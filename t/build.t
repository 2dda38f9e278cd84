#!/usr/bin/perl

# The module builds clean, with gcc and with clang: no warning is let through,
# nothing is built twice.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;

use lib 't/lib';
use RTProp::Nginx;

my $top = RTProp::Nginx::top();
chdir $top or die;

# the flags of a make that runs this test are not meant for these
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL NGINX_SRC SANITIZE CC)};

for my $cc (qw(gcc clang)) {
    my $make = "make CC=$cc BUILD=build/$cc JOBS=2 2>&1";

    my $said = `$make`;
    is($?, 0, "$cc builds the module") or diag($said);
    unlike($said, qr/warning/, "$cc has no warning");

    my $module = "build/$cc/ngx_rtprop_module.so";
    my @before = stat $module;

    is(`$make`, '', "$cc: nothing to do the second time");
    is((stat $module)[9], $before[9], "$cc: the module is the same");
}

done_testing();
