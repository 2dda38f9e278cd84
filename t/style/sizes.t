#!/usr/bin/perl

# The check of sizes finds what is planted, and nothing else.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use Test::More;

my $style = dirname(abs_path($0));
my $lib = abs_path("$style/../lib");


# What a check says of a tree of these files: an exit code, lines.

sub said {
    my ($check, %files) = @_;
    my $dir = File::Temp->newdir('style-XXXXXX', TMPDIR => 1);

    for my $path (keys %files) {
        make_path("$dir/" . dirname($path));
        open my $fh, '>', "$dir/$path" or die "$path: $!";
        print {$fh} $files{$path};
        close $fh or die "$path: $!";
    }

    my $text = `cd "$dir" && $^X -I"$lib" "$style/check_$check.pl" 2>&1`;

    return $? >> 8, split /\n/, $text;
}


# A function of so many lines from brace to brace.

sub function {
    my ($lines, $head) = @_;

    return ($head // "static void\nf(int a)")
           . "\n{\n" . "    a++;\n" x ($lines - 2) . "}\n";
}


is_deeply([said(sizes => 'src/hub/a.c' => function(60))], [0],
    'a function of 60 lines is one');
is_deeply([said(sizes => 'src/hub/a.c' => function(61))],
    [1, 'src/hub/a.c:3: f() has 61 lines, more than 60'],
    'one of 61 is too long');
is_deeply([said(sizes => 'a_module.c' => function(61))],
    [1, 'a_module.c:3: f() has 61 lines, more than 60'],
    'in the file at the top, too');
is_deeply([said(sizes => 'src/a.h' => function(70, "static inline int\ng(\n"
                                                  . "    int a)"))],
    [1, 'src/a.h:4: g() has 70 lines, more than 60'],
    'and an inline one of a header, with arguments on lines of their own');
is_deeply([said(sizes => 'src/a.c' => function(30, "static int\nh(void);\n\n\n"
                                                  . "int\ng(int a)")
                                    . "\n\n" . function(62))],
    [1, 'src/a.c:41: f() has 62 lines, more than 60'],
    'the second of two');

my $brace = "int\nf(void)\n{\n" . "    a(\"}\");   /*\n}\n*/\n" x 20 . "}\n";
is_deeply([said(sizes => 'src/a.c' => $brace)],
    [1, 'src/a.c:3: f() has 62 lines, more than 60'],
    'braces in comments and strings end nothing');

is_deeply([said(sizes => 'src/a.c' => "ngx_command_t  commands[] = {\n"
                                    . "    { 0 },\n" x 100 . "};\n")], [0],
    'a table is no function');
is_deeply([said(sizes => 'src/a.c' => "struct a_s {\n" . "    int  a;\n" x 80
                                    . "};\n\n\n" . function(10))], [0],
    'neither is a struct');

is_deeply([said(sizes => 'src/base/a.c' => "/**/\n" x 600)], [0],
    'a file of 600 lines is one');
is_deeply([said(sizes => 'src/base/a.c' => "/**/\n" x 601)],
    [1, 'src/base/a.c: has 601 lines, more than 600'],
    'one of 601 is too long');
is_deeply([said(sizes => 'src/base/a.h' => "/**/\n" x 700)],
    [1, 'src/base/a.h: has 700 lines, more than 600'], 'a header, too');
is_deeply([said(sizes => 't/unit/test_a.c' => "/**/\n" x 700 . function(90))],
    [0], 'tests may be longer');

done_testing();
