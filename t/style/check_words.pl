#!/usr/bin/perl

# What must not be in any file: paths of one machine, hosts of registries,
# addresses in lock files, words of unfinished work.

use strict;
use warnings;

use RTProp::Sources;

# in pieces, so that this file does not find itself
my $paths = join '|', map { "/$_/" } qw(work root home Users);
my $shared = '\.\./' . 'shared';
my $hosts = join '|', map { quotemeta } 'registry.' . 'npmjs', 'pypi.' . 'org',
            'crates.' . 'io', 'proxy.' . 'golang', 'registry.' . 'yarnpkg';
my $words = join '|', 'TO' . 'DO', 'FIX' . 'ME', 'XX' . 'X', 'HA' . 'CK';

for my $file (files(qr/./)) {
    next if content($file) =~ /\0/;
    my $number = 0;

    for my $line (lines($file)) {
        $number++;

        problem($file, $number, "a path of one machine: $&")
            if $line =~ m{(?<![\w.\$\}~-])(?:$paths)} || $line =~ m{$shared};
        problem($file, $number, "a registry's host: $&") if $line =~ /$hosts/;
        problem($file, $number, "unfinished: $&")
            if $line =~ /(?<![A-Za-z0-9_-])(?:$words)(?![A-Za-z0-9_-])/;
        problem($file, $number, 'an address in a lock file')
            if $file =~ /-lock\.json$/ && $line =~ m{"resolved"|https?://};
    }
}

exit problems();
