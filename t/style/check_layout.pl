#!/usr/bin/perl

# Layout: 80 columns, no tabs, no blanks at the end of a line, two blank lines
# between functions, comments of the old kind only.

use strict;
use warnings;

use RTProp::Sources;

my $text = qr/\.(?:[ch]|t|pm|pl|sh|m?js|css|html|json|md|sql|conf|in|lua)$
              |^(?:config|Makefile|t\/run|\.ci\/run)$|\/config$/x;
my $narrow = qr/\.(?:[ch]|t|pm|pl|sh)$|^config$|\/config$|^t\/run$/;


for my $file (files($text)) {
    my @lines = lines($file);
    my $number = 0;

    problem($file, scalar @lines, 'no newline at the end')
        if @lines && $lines[-1] ne '';
    problem($file, scalar @lines, 'blank lines at the end')
        if @lines > 1 && $lines[-2] =~ /^\s*$/;

    for my $line (@lines) {
        $number++;
        utf8::decode($line);

        problem($file, $number, 'a tab')
            if $line =~ /\t/ && $file ne 'Makefile';
        problem($file, $number, 'blanks at the end') if $line =~ /[ \t]$/;
        problem($file, $number, 'a carriage return') if $line =~ /\r/;
        problem($file, $number, 'more than 80 columns')
            if length $line > 80 && $file =~ $narrow;
    }
}


for my $file (files(qr/\.[ch]$/)) {
    my @lines = split /\n/, code($file), -1;

    for my $i (0 .. $#lines) {
        problem($file, $i + 1, 'a // comment') if $lines[$i] =~ m{//};

        # a body ends with a brace in the first column
        next if $lines[$i] !~ /^\}$/ || $file =~ /\.h$/;

        my @original = lines($file);
        my $next = $i + 1;
        $next++ while $next < $#original && $original[$next] =~ /^\s*$/;

        next if $next >= $#original || $original[$next] =~ /^#/;

        problem($file, $i + 1, 'not two blank lines after this function')
            if $next - $i != 3;
    }
}

exit problems();
