#!/usr/bin/perl

# debian/ fits the rest: the version of src/ngx_rtprop.h, the same name of the
# snippet as "make install" uses, the licence's own words, an executable rules.

use strict;
use warnings;

my $bad = 0;

sub wrong {
    print "$_[0]:1: $_[1]\n";
    $bad = 1;
}

sub text {
    open my $fh, '<', $_[0] or do { wrong($_[0], "missing: $!"); return '' };
    local $/;
    return <$fh>;
}

# for comparing words only
sub words { join ' ', grep { $_ ne '.' } split ' ', $_[0] }

my $package = 'libnginx-mod-http-rtprop';
my ($version) = text('src/ngx_rtprop.h') =~ /NGX_RTPROP_VERSION\s+"(.+)"/;

text('debian/changelog') =~ /\A\Q$package ($version) /
    or wrong('debian/changelog', "does not start with $package ($version)");

text('CHANGES.md') =~ /^## (\S+?),/m && $1 eq $version
    or wrong('CHANGES.md', "does not start with $version");

my $control = text('debian/control');
$control =~ /^Source: $package$/m && $control =~ /^Package: $package$/m
    or wrong('debian/control', "does not name $package");

text('debian/source/format') eq "3.0 (native)\n"
    or wrong('debian/source/format', 'is not "3.0 (native)"');

my ($snippet) = text("debian/$package.nginx") =~ m{^mod debian/(\S+\.conf) 50$}m
    or wrong("debian/$package.nginx", 'names no snippet');

my ($module) = text('config') =~ /^ngx_module_name="(\w+)/m;
text("debian/$snippet") eq "load_module modules/$module.so;\n"
    or wrong("debian/$snippet", "does not load $module.so");

text('tools/install.sh') =~ m{/\Q$snippet\E"}
    or wrong('tools/install.sh', "does not install $snippet, as debian/ does");

my ($licence) = text('LICENSE') =~ /^(Redistribution .*)/ms;
my $copyright = words(text('debian/copyright'));
index($copyright, words($licence)) > 0
    or wrong('debian/copyright', 'has other words than LICENSE');

-x 'debian/rules' or wrong('debian/rules', 'is not executable');
text('debian/rules') =~ /dh \$\@ --with nginx --buildsystem=nginx_mod/
    or wrong('debian/rules', 'does not build by nginx_mod');

exit $bad;
