#!/usr/bin/perl

# The module builds clean, with gcc and with clang, against Debian's nginx and
# against the source tree that NGINX_SRC names: no warning is let through,
# nothing is built twice, and nginx takes it.

use strict;
use warnings;

use File::Basename qw(dirname);
use Test::More;

use lib 't/lib';
use RTProp::Nginx;

my $top = RTProp::Nginx::top();
chdir $top or die;

my ($source) = grep { defined && length }
               $ENV{NGINX_SRC}, ($ENV{MAKEFLAGS} // '') =~ /NGINX_SRC=(\S+)/;

# the flags of a make that runs this test are not meant for these
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL NGINX_SRC SANITIZE CC BUILD
                UNIT_FLAGS)};

for my $cc (qw(gcc clang)) {
    builds("$cc, Debian's nginx", "build/$cc", "CC=$cc");

    SKIP: {
        skip 'NGINX_SRC names no source tree of nginx', 6 if !$source;
        builds("$cc, $source", "build/$cc-src", "CC=$cc NGINX_SRC='$source'");
    }
}

done_testing();


sub builds {
    my ($name, $build, $settings) = @_;
    my $make = "make $settings BUILD=$build JOBS=2 2>&1";

    my $said = `$make`;
    is($?, 0, "$name: the module is built") or diag($said);
    unlike($said, qr/warning/, "$name: no warning");

    my $module = "$build/ngx_rtprop_module.so";
    my @before = stat $module;

    is(`$make`, '', "$name: nothing to do the second time");
    is((stat $module)[9], $before[9], "$name: the module is the same");

    local $ENV{RTPROP_MODULE} = "$top/$module";
    local $ENV{RTPROP_NGINX} = $settings =~ /NGINX_SRC/
                               ? "$top/$build/obj/nginx" : '/usr/sbin/nginx';
    my ($ok, $text) = RTProp::Nginx->new(workers => 1,
        http => 'rtprop_zone rtprop 8m;',
        server => 'location /ws { rtprop native; rtprop_user $arg_u; }')
        ->test_config;

    ok($ok, "$name: nginx loads it") or diag($text);
    unlike($text, qr/warn|alert|emerg/, "$name: and says nothing of it");
}
