#!/usr/bin/perl

# Runs each fuzz target over its seeds, then for FUZZ_SECONDS with inputs of its
# own.  "make fuzz" gives more time and keeps what was found worth keeping in
# build/fuzz/corpus, from where the next round goes on; the short round of "make
# test" starts from the seeds alone and takes the same way each time.
# FUZZ_TARGETS names some targets only.
#
# What breaks a target is left in build/fuzz/found/<target>; once mended it
# becomes a seed: t/fuzz/seeds/<target>.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use File::Temp;
use Test::More;

use constant SHORT => 3;

my $top = abs_path(dirname(abs_path($0)) . '/../..');
chdir $top or die "$top: $!\n";

my $out = dirname($ENV{RTPROP_MODULE} || "$top/build/x") . '/fuzz';
my $seconds = $ENV{FUZZ_SECONDS} || SHORT;
my $keep = defined $ENV{FUZZ_SECONDS};

my @targets = $ENV{FUZZ_TARGETS} ? split ' ', $ENV{FUZZ_TARGETS}
            : map { s/^fuzz_|\.c$//gr } map { basename($_) }
              sort glob 't/fuzz/fuzz_*.c';

$ENV{ASAN_OPTIONS} = 'quarantine_size_mb=16:detect_leaks=1';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

for my $target (@targets) {
    subtest($target => sub { fuzz($target) });
}

done_testing();


sub fuzz {
    my ($target) = @_;
    my $seeds = "t/fuzz/seeds/$target";
    my $program = "$out/$target";

    my @seeds = grep { -f } glob "$seeds/*";
    ok(scalar @seeds, 'has seeds');
    return if !ok(-x $program, 'is built: make fuzz-programs') || !@seeds;

    my ($fine, $said) = run($program, @seeds);
    return if !ok($fine, scalar @seeds . ' seeds') and diag($said);

    my $tmp = File::Temp->newdir();
    my $corpus = $keep ? "$out/corpus/$target" : "$tmp/corpus";
    my $found = "$out/found/$target";
    make_path($corpus, $found);

    ($fine, $said) = run($program, "-max_total_time=$seconds", '-timeout=10',
                         '-rss_limit_mb=1024', '-reload=0',
                         $keep ? () : '-seed=1',
                         '-artifact_prefix=' . abs_path($found) . '/',
                         '-dict=' . dictionary($target, $tmp),
                         $corpus, $seeds);

    my ($runs) = $said =~ /^Done (\d+) runs/m;
    my ($cover) = $said =~ /.*\bcov: (\d+)/s;

    ok($fine, sprintf '%d s, %d inputs, %d places reached', $seconds,
                      $runs // 0, $cover // 0) or diag(tail($said));
}


sub run {
    my @command = @_;

    my $pid = open my $fh, '-|';
    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT or die;
        exec 'nice', '-n', 10, @command or die "$command[0]: $!\n";
    }

    local $/;
    my $said = <$fh> // '';

    return (close($fh), $said);
}


# What is of use when a target breaks: from its report on.

sub tail {
    my ($said) = @_;

    $said =~ s/.*?^(?=broken: |.*runtime error|==\d+==\s*ERROR)//ms;

    return length $said > 6000 ? substr($said, 0, 6000) : $said;
}


# The words of the files under test are the words of the inputs.

sub dictionary {
    my ($target, $tmp) = @_;
    my %words = map { $_ => 1 } '{"', '":"', '":', ',"', '[', ']', '{}', '[]',
                'null', 'true', 'false', '9007199254740991',
                '-9223372036854775808', '1e400', '\\u0000', '\\ud800',
                "\xc0\x80", "\xed\xa0\x80", "\xef\xbb\xbf",
                '2026-03-01T10:00:00Z';

    for my $file ("t/fuzz/fuzz_$target.c", sources($target)) {
        my $code = content($file);
        $code =~ s/^\s*#\s*include.*//gm;

        while ($code =~ /"((?:[^"\\\n]|\\.){1,32})"/g) {
            my $word = $1;
            next if $word =~ /[ \\%]/;
            $words{$word} = 1;
        }
    }

    open my $fh, '>:raw', "$tmp/dict" or die;
    print {$fh} map { '"' . s/([^\w])/sprintf '\\x%02x', ord $1/ger . "\"\n" }
                sort keys %words;
    close $fh or die;

    return "$tmp/dict";
}


sub sources {
    my ($target) = @_;

    return grep { -f } map { "src/$_" }
           content("t/fuzz/fuzz_$target.c") =~ /^#include "([^"]+\.c)"/gm;
}


sub content {
    my ($file) = @_;

    open my $fh, '<:raw', $file or die "$file: $!\n";
    local $/;
    return <$fh> // '';
}
