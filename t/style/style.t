#!/usr/bin/perl

# Runs each check script of this folder; a script prints what is wrong, as
# file:line: text, and then exits with 1.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Test::More;

chdir dirname(abs_path($0)) . '/../..' or die;

for my $script (sort glob 't/style/check_*.pl') {
    my $said = `$^X -It/lib $script 2>&1`;

    ok($? == 0, basename($script, '.pl') =~ s/^check_//r =~ tr/_/ /r)
        or diag($said);
}

done_testing();
