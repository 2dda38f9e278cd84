#!/usr/bin/perl

# The Debian package: built without touching the tree, without an error of
# lintian's, installed, in use, removed, purged.  "make deb-test" runs this, as
# root or as somebody who may sudo, and never on a machine that has the module.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Find;
use POSIX ();
use Test::More;

use lib 't/lib';
use RTProp::HTTP;
use RTProp::Nginx;

my $package = 'libnginx-mod-http-rtprop';
my $so = '/usr/lib/nginx/modules/ngx_rtprop_module.so';
my $snippet = '/usr/share/nginx/modules-available/mod-rtprop.conf';
my $link = '/etc/nginx/modules-enabled/50-mod-rtprop.conf';
my $doc = "/usr/share/doc/$package";

my $top = RTProp::Nginx::top();
chdir $top or die;

# the flags of a make that runs this test are not meant for this one
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL NGINX_SRC SANITIZE CC)};

my @root = $> == 0 ? () : ('sudo');
my $installed = 0;

END { run(@root, 'dpkg', '--purge', $package) if $installed }


# What a command says, and whether it went well.

sub run {
    my $pid = open(my $fh, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec(@_) or POSIX::_exit(127);
    }

    my $said = do { local $/; <$fh> } // '';
    close $fh;

    return wantarray ? ($? == 0, $said) : $? == 0;
}


sub apt {
    return run(@root, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y',
               '-o', 'Dpkg::Use-Pty=0', @_);
}


# Every file but what is built, with its time and size.

sub tree {
    my %seen;

    find({ no_chdir => 1, wanted => sub {
        if (m{^\./(\.git|build|t/artifacts|t/browser/node_modules)$}) {
            $File::Find::prune = 1;
            return;
        }

        my @stat = lstat;
        $seen{$_} = -f _ ? "$stat[9] $stat[7]" : 'no file';
    } }, '.');

    return \%seen;
}


# The module comes by the link in modules-enabled, or not at all; its snippet
# names a file of the prefix, and Debian's prefix has such a link, too.

sub nginx {
    my $nginx = RTProp::Nginx->new(workers => 1, full => <<'END');
include /etc/nginx/modules-enabled/*.conf;
error_log @PREFIX@/logs/error.log info;
pid @PREFIX@/nginx.pid;
events { }
http {
    access_log off;
    client_body_temp_path @PREFIX@/tmp_body;
    proxy_temp_path @PREFIX@/tmp_proxy;
    fastcgi_temp_path @PREFIX@/tmp_fastcgi;
    uwsgi_temp_path @PREFIX@/tmp_uwsgi;
    scgi_temp_path @PREFIX@/tmp_scgi;
    rtprop_zone rtprop 8m;
    server {
        listen 127.0.0.1:@PORT@;
        location / { rtprop native; rtprop_user $arg_u; }
        location = /health { rtprop health; }
    }
}
END

    symlink '/usr/lib/nginx/modules', $nginx->prefix . '/modules' or die;

    return $nginx;
}


for my $path ($so, $snippet, $link, $doc) {
    BAIL_OUT("$path is there already: remove the module first")
        if -e $path || -l $path;
}


# built

my $before = tree();
my ($ok, $said) = run('make', 'deb', 'BUILD=build');
ok($ok, 'make deb') or diag($said);
is_deeply(tree(), $before, 'which leaves everything but build/ alone');

my @debs = glob "build/${package}_*.deb";
is(@debs, 1, 'gives one package') or BAIL_OUT('no package to install');

my ($version) = RTProp::Nginx::slurp('src/ngx_rtprop.h')
                =~ /NGX_RTPROP_VERSION\s+"(.+)"/;
like($debs[0], qr/_\Q$version\E_/, 'of this version');

my ($changes) = glob "build/deb/${package}_*.changes";
($ok, $said) = run('lintian', '--fail-on', 'error,warning', $changes);
ok($ok, 'lintian finds no error and no warning') or diag($said);


# installed

my ($refused) = nginx()->test_config;
ok(!$refused, 'nginx does not know the directives before');

$installed = 1;
($ok, $said) = apt('install', '--no-install-recommends', "./$debs[0]");
ok($ok, 'apt-get installs it') or diag($said);
ok(-f $so, 'the module is there');
ok(-l $link, 'it is enabled');
is(readlink $link, $snippet, 'by a link to its snippet');

is_deeply([map { basename($_) } sort glob "$doc/examples/*"],
          [map { basename($_) } sort glob 'conf.examples/*'],
          'the examples are there');

($ok, $said) = run(@root, '/usr/sbin/nginx', '-t');
ok($ok, 'nginx -t with the configuration of the machine') or diag($said);

my $nginx = nginx();
($ok, $said) = $nginx->test_config;
ok($ok, 'nginx -t with one that uses it') or diag($said);
$nginx->start;
is(RTProp::HTTP->new(port => $nginx->port)->get('/health')->{status}, 200,
   'it serves');
$nginx->stop;
is_deeply([$nginx->bad_lines], [], 'nothing bad in the log');


# removed, installed again, purged

($ok, $said) = apt('remove', $package);
ok($ok, 'removed') or diag($said);
ok(!-e $so && !-e $link, 'nothing is loaded any more');

($ok, $said) = apt('install', '--no-install-recommends', "./$debs[0]");
ok($ok, 'installed again') or diag($said);
ok(-l $link && scalar nginx()->test_config, 'and in use again');

($ok, $said) = apt('purge', $package);
ok($ok, 'purged') or diag($said);
$installed = 0 if $ok;

is_deeply([glob("$so* $doc* /usr/share/nginx/modules-available/*rtprop*"
                . ' /etc/nginx/modules-enabled/*rtprop*'
                . " /var/lib/dpkg/info/$package.*")],
          [], 'nothing of it is left');

done_testing();
