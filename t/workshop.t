#!/usr/bin/perl

# The scripts behind "make run", "make stop", "make install" and "make help".

use strict;
use warnings;

use File::Temp;
use IO::Socket::INET;
use Test::More;

use lib 't/lib';
use RTProp::HTTP;
use RTProp::Nginx;

my $top = RTProp::Nginx::top();
my $dir = File::Temp->newdir('workshop-XXXXXX', TMPDIR => 1);
my $run = "$dir/run";

chmod 0755, "$dir";
$ENV{RTPROP_MODULE} = RTProp::Nginx::module();
$ENV{RTPROP_NGINX} = RTProp::Nginx::binary();

END { `"$top/tools/demo.sh" stop "$run" 2>&1` if $run }


sub demo {
    my ($action, @more) = @_;
    my $said = `"$top/tools/demo.sh" $action "$run" @more 2>&1 </dev/null`;
    return ($?, $said);
}


# on a port that is taken

my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die;
my $taken = $busy->sockport;

my ($status, $said) = demo('start', $taken);
is($status, 0, 'the demo starts beside a taken port') or diag($said);
like($said, qr/^port $taken is taken, using \d+$/m, 'and says so');

my ($port) = $said =~ m{http://127\.0\.0\.1:(\d+)/};
isnt($port, $taken, 'with its address');

my $http = RTProp::HTTP->new(port => $port);
is($http->get('/')->{status}, 200, 'the page is there');
is($http->get('/health')->{json}{status}, 'ok', 'and so is the module');

($status, $said) = demo('start', $taken);
is($status, 0, 'once more');
like($said, qr/already running:.*:$port\//, 'it runs already');

($status, $said) = demo('stop');
is($said, "the demo is stopped\n", 'stopped');
is($http->get('/')->{status} // 0, 0, 'nobody answers');

($status, $said) = demo('stop');
is($said, "the demo is not running\n", 'stopping again does no harm');
is($status, 0, 'and is no failure');


# on a port where nobody listens, but which a connection of somebody's has

{
    my $near = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $busy->sockport) or die;
    my $at = $near->sockport;

    ($status, $said) = demo('start', $at);
    is($status, 0, 'the demo starts beside it');
    like($said, qr/^port $at is taken, using \d+$/m, 'and says so');
    demo('stop');
}


# into a folder instead of the root

`"$top/tools/install.sh" "$ENV{RTPROP_MODULE}" "$dir/root" 2>&1`;
is($?, 0, 'installed into a folder');

my $loads = "$dir/root/usr/share/nginx/modules-available/mod-rtprop.conf";
is(RTProp::Nginx::slurp($loads), "load_module modules/ngx_rtprop_module.so;\n",
   'the line that loads it');
ok(-s "$dir/root/usr/lib/nginx/modules/ngx_rtprop_module.so", 'the module');
ok(-l "$dir/root/etc/nginx/modules-enabled/50-mod-rtprop.conf", 'enabled');


# help

{
    delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
    my $help = `make -C "$top" --no-print-directory help 2>&1`;
    like($help, qr/^  $_ /m, "make help names $_")
        for qw(module run stop test unit style asan valgrind install clean);
}

done_testing();
