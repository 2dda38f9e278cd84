#!/usr/bin/perl

# sql/README.md against the code: each named query with its parameters and the
# columns of its result.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Nginx;
use Test::More;

my $top = RTProp::Nginx::top();
my %code;

sub texts {
    my ($list) = @_;
    return join '', $list =~ /"((?:[^"\\]|\\.)*)"/g;
}

# Strings may come from macros.

my %macro;
my @files = (glob("$top/src/store/*.c"), glob("$top/src/features/*/*.c"));

for my $file (@files) {
    my $source = RTProp::Nginx::slurp($file);
    $source =~ s/\\\n//g;
    while ($source =~ /^#define\s+(NGX_RTPROP_DURABLE_\w+)\s+(.*"[^\n]*)$/mg) {
        $macro{$1} = $2;
    }
}

for (1 .. 3) {
    s/\b(NGX_RTPROP_DURABLE_\w+)\b/$macro{$1} \/\/ ''/ge for values %macro;
}

sub list { my ($s) = @_; $s =~ s/\b(NGX_RTPROP_DURABLE_\w+)/$macro{$1}/g;
           return texts($s) }

for my $file (@files) {
    my $source = RTProp::Nginx::slurp($file);

    while ($source =~ /ngx_rtprop_query_add\(cf,\s*"(\w+)",(.*?)\);/sg) {
        my ($name, $rest) = ($1, $2);
        my @arg = ('');
        while ($rest =~ /("(?:[^"\\]|\\.)*")|(,)|(\w+)|./sg) {
            if (defined $2) { push @arg, '' }
            else { $arg[-1] .= $1 // $3 // ' ' }
        }
        $code{$name} = [list($arg[1]), list($arg[2])];
    }

    while ($source =~ /\.(get|put|lock) = "(\w+)",(.*?)\}/sg) {
        my ($what, $name, $rest, $at) = ($1, $2, $3, $-[3]);
        my $key = $rest =~ /\.pair = 1/ ? 'first text, second text'
                                        : 'id text';
        $code{$name} = $what ne 'put'
            ? [$key, list('NGX_RTPROP_DURABLE_GET_COLUMNS')]
            : ["$key, " . list('NGX_RTPROP_DURABLE_PUT_PARAMS'),
               list('NGX_RTPROP_DURABLE_PUT_COLUMNS')];
        pos($source) = $at;
    }

    while ($source =~ /general\.(get|put) = "(\w+)"/g) {
        $code{$2} = $1 eq 'get'
            ? ['id text', list('NGX_RTPROP_DURABLE_GET_COLUMNS')]
            : ['id text, ' . list('NGX_RTPROP_DURABLE_PUT_PARAMS'),
               list('NGX_RTPROP_DURABLE_PUT_COLUMNS')];
    }
}

my %said;
my $readme = RTProp::Nginx::slurp("$top/sql/README.md");

while ($readme =~ /^\| `(\w+)` \| (.*?) \| (.*?) \|/mg) {
    my ($name, @lists) = ($1, $2, $3);
    $said{$name} = [map { s/[`–]//gr } @lists];
}

cmp_ok(scalar keys %code, '>', 20, 'queries are found in the code');
is_deeply([sort keys %said], [sort keys %code], 'each is documented');
is_deeply($said{$_}, $code{$_}, $_) for sort keys %code;

if ($ENV{RTPROP_SHOW}) {
    print "| `$_` | `$code{$_}[0]` | `$code{$_}[1]` |\n" for sort keys %code;
}

done_testing();
