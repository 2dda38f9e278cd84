#!/usr/bin/perl

# Sizes: a source file has at most 600 lines; a function, from brace to brace,
# 60.  Tests may be longer: they are read case by case.

use strict;
use warnings;

use RTProp::Sources;

use constant FILE_LINES     => 600;
use constant FUNCTION_LINES => 60;

# What may be longer, "file" or "file: function", and why.  Dividing is better.
my %longer = (
);

my %used;


sub too_long {
    my ($file, $number, $name, $lines, $most) = @_;
    my $key = defined $name ? "$file: $name" : $file;

    return if $lines <= $most;

    if (exists $longer{$key}) {
        $used{$key} = 1;
        return;
    }

    problem($file, $number, (defined $name ? "$name() has" : 'has')
                            . " $lines lines, more than $most");
}


# Functions of a file, inline ones of headers too: first line, name, lines.
# A body's braces stand in the first column.

sub functions {
    my ($file) = @_;
    my ($number, $name, $start, @found) = (0);

    for my $line (split /\n/, code($file), -1) {
        $number++;

        if (!defined $start && $line =~ /^(\w+)\(/) {
            $name = $1;

        } elsif ($line =~ /^\{/ && defined $name) {
            $start = $number;

        } elsif ($line =~ /^\}/ && defined $start) {
            push @found, [$start, $name, $number - $start + 1];
            ($name, $start) = ();

        } elsif ($line =~ /^\S.*;\s*$/ && !defined $start) {
            $name = undef;
        }
    }

    return @found;
}


for my $file (files(qr{^(?:src/.*|[^/]*)\.[ch]$})) {
    my $lines = lines($file) - 1;

    too_long($file, 0, undef, $lines, FILE_LINES);
    too_long($file, $_->[0], $_->[1], $_->[2], FUNCTION_LINES)
        for functions($file);
}

for my $key (sort keys %longer) {
    problem('t/style/check_sizes.pl', 0, "$key needs no exception")
        if !$used{$key};
}

exit problems();
