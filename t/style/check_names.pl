#!/usr/bin/perl

# Base names of .c files are unique in the tree (nginx names objects by the last
# folder and the file name only), also without their folder.

use strict;
use warnings;

use RTProp::Sources;

my %seen;

for my $file (files(qr{^(?:src/.*|[^/]*)\.c$})) {
    my $name = $file =~ s{.*/}{}r;

    problem($file, 0, "has the name of $seen{$name}") if $seen{$name};
    $seen{$name} = $file;
}

exit problems();
