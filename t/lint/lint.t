#!/usr/bin/perl

# cppcheck and clang-tidy find nothing in src/: what they are not to report
# stands, with its reason, in t/lint/cppcheck and .clang-tidy, or at its line
# (NOLINT).  Worker files are not looked through by clang's analyzer, whose
# minutes are kept for the pure ones.
#
# A file that was clean is not read again by clang-tidy as long as neither it
# nor what it includes has changed (build/lint).

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use POSIX ();
use Test::More;

use lib 't/lib';
use RTProp::Nginx;
use RTProp::Sources;

my $top = RTProp::Nginx::top();
chdir $top or die "$top: $!\n";

my $build = dirname(RTProp::Nginx::module());
my $cache = "$build/lint";
my $jobs = $ENV{RTPROP_LINT_JOBS} || 2;
my $self = $$;
my %known;                             # file => digest with its includes

make_path($cache);

my @files = files(qr{^(?:src/.*|ngx_rtprop_module)\.c$});

cppcheck();
clang_tidy();
done_testing();


sub missing {
    my ($program) = @_;
    return !grep { -x "$_/$program" } split /:/, $ENV{PATH};
}


sub cppcheck {
    SKIP: {
        skip 'cppcheck is not installed', 1 if missing('cppcheck');

        my $said = `cppcheck -q -j $jobs --std=c99 --error-exitcode=1 \\
            --enable=warning,performance,portability -D_GNU_SOURCE -Isrc \\
            --suppressions-list=t/lint/cppcheck \\
            --template='{file}:{line}: {id}: {message}' @files 2>&1`;

        ok($? == 0, 'cppcheck') or diag($said);
    }
}


# All that a file and the project's headers in it say.

sub digest {
    my ($file) = @_;
    return $known{$file} if $known{$file};

    $known{$file} = 'open';            # headers do not include in circles
    my $text = RTProp::Nginx::slurp($file);
    my @headers = grep { -f } map { "src/$_" } $text =~ /^#include "(.*)"/mg;

    return $known{$file} = sha1_hex($text, map { digest($_) } @headers);
}


# Where nginx's headers lie, as its build has it.

sub includes {
    my $make = RTProp::Nginx::slurp("$build/obj/Makefile");
    my $source = -d "$build/nginx-src" ? "$build/nginx-src"
                                       : '/usr/share/nginx/src';
    my ($list) = $make =~ /^ALL_INCS = ((?:.*\\\n)*.*)/m
        or die "$build/obj/Makefile: no ALL_INCS\n";

    return map { m{^/} ? "-I$_" : "-I$source/$_" } $list =~ /-I (\S+)/g;
}


sub clang_tidy {
    SKIP: {
        skip 'clang-tidy is not installed', 1 if missing('clang-tidy');

        my $rules = RTProp::Nginx::slurp('.clang-tidy');
        my %stamp = map { $_ => "$cache/" . sha1_hex($rules, $_, digest($_)) }
                    @files;
        my @due = grep { !-e $stamp{$_} } @files;
        my @flags = (includes(), qw(-Isrc -D_GNU_SOURCE -std=gnu11));
        my %running;
        my $bad = 0;

        while (@due || %running) {
            while (@due && keys %running < $jobs) {
                my $file = shift @due;
                $running{tidy($file, @flags)} = $file;
            }

            my $file = delete $running{wait()} or next;

            if ($? == 0) {
                open my $fh, '>', $stamp{$file} or die "$stamp{$file}: $!\n";

            } else {
                $bad++;
                diag(RTProp::Nginx::slurp(said($file)));
            }

            unlink said($file);
        }

        ok(!$bad, 'clang-tidy');
    }
}


sub said { "$cache/" . basename($_[0]) . ".$self" }


sub tidy {
    my ($file, @flags) = @_;
    my @less = $file =~ m{(?:^|/)ngx_} ? '--checks=-clang-analyzer-*' : ();
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;

    open STDOUT, '>', said($file) or POSIX::_exit(1);
    open STDERR, '>&', \*STDOUT;
    exec('clang-tidy', '--quiet', @less, $file, '--', @flags)
        or POSIX::_exit(1);
}
