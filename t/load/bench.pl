#!/usr/bin/perl

# bench.pl PROGRAM [SCENARIO...]: measures rtprop with the load tool PROGRAM and
# prints one table.  A private nginx with one worker on the first processor, the
# tool on the second where there are two.  BENCH_SECONDS (2) is the length of
# each measured run, BENCH_REPEATS (3) how many runs a median is of.

use strict;
use warnings;

use lib 't/load';
use Load;

my ($program, @wanted) = @ARGV;
my $seconds = $ENV{BENCH_SECONDS} || 2;
my $repeats = $ENV{BENCH_REPEATS} || 3;
my $two = (() = glob '/sys/devices/system/cpu/cpu[0-9]*') > 1;

die "usage: bench.pl PROGRAM [SCENARIO...]\n" if !$program;

my @room = ('--clients', 1000);
my @rooms = ('--clients', 1000, '--rooms', 100);
my @echo = ('--clients', 100, '--echo', '--message',
            '{"type":"echo","payload":{"m":"{mark}"}}');
my @loop = ('--coalesce', 50);

# name, what it is, rooms to make, arguments, figures to show
my @scenarios = (
    ['idle', '10,000 idle, 100 property channels', 0,
     ['--idle', '--kind', 'property', '--clients', 10_000, '--rooms', 100,
      '--settle', 1, '--seconds', 0.1, '--connect-rate', 5000],
     'bytes'],
    ['fan', 'room of 1,000, 50 messages/s', 1,
     [@room, '--rate', 50, '--coalesce', 500, '--settle', 1], 'deliveries'],
    ['fan1', 'room of 1,000, 1 in flight', 1,
     [@room, '--window', 1, @loop, '--settle', 1], 'deliveries'],
    ['fan4', 'room of 1,000, 4 in flight', 1,
     [@room, '--window', 4, @loop, '--settle', 1], 'deliveries'],
    ['rooms1', '100 rooms of 10, 1 in flight', 100,
     [@rooms, '--window', 1, @loop], 'messages'],
    ['rooms4', '100 rooms of 10, 4 in flight', 100,
     [@rooms, '--window', 4, @loop], 'messages'],
    ['echo1', 'echo, 100 clients, 1 in flight', 0,
     [@echo, '--window', 1], 'deliveries'],
    ['echo8', 'echo, 100 clients, 8 in flight', 0,
     [@echo, '--window', 8], 'deliveries'],
);

my %known = map { $_->[0] => 1 } @scenarios;
die "unknown scenario; there are: @{[map { $_->[0] } @scenarios]}\n"
    if grep { !$known{$_} } @wanted;

my $failed = 0;

printf "| %-44s | %9s | %12s | %8s | %8s | %6s |\n", "median of $repeats",
       'rate/s', 'per CPU s', 'p50 us', 'p99 us', 'missed';
print '|', '-' x 46, '|', join('|', map { '-' x ($_ - 1) . ':' }
      11, 14, 10, 10, 8), "|\n";

for my $scenario (@scenarios) {
    next if @wanted && !grep { $_ eq $scenario->[0] } @wanted;
    measure(@$scenario);
}

exit($failed ? 1 : 0);


sub measure {
    my ($name, $what, $rooms, $args, $figure) = @_;
    my @results = map { once($name, $rooms, $args) } 1 .. $repeats;

    if ($figure eq 'bytes') {
        show($what, '', '', '', '', missed(@results));
        show('  resident bytes a connection', '',
             median(map { $_->{server}{rss_per_client} } @results));
        show('  CPU s to connect and join', '', sprintf '%.2f',
             median(map { $_->{server}{connect_cpu_s} } @results));
        return;
    }

    show("$what: $figure",
         (map { my $of = $_; median(map { $_->{$of} } @results) }
          "${figure}_per_s"),
         median(map { $_->{server}{"${figure}_per_cpu_s"} } @results),
         (map { my $p = $_; median(map { $_->{latency_us}{$p} } @results) }
          qw(p50 p99)), missed(@results));
}


# One run, on an nginx of its own, so that no scenario sees another's memory.

sub once {
    my ($name, $rooms, $args) = @_;
    my ($at) = grep { $args->[$_] eq '--clients' } 0 .. $#$args;
    my $clients = $args->[$at + 1];

    my $load = Load->new($program, clients => $clients,
                         main => $two ? 'worker_cpu_affinity 01;' : '');

    $load->rooms($clients, $rooms) if $rooms;

    my $result = $load->run('--label', $name, '--seconds', $seconds,
                            $two ? ('--cpu', 1) : (), @$args);
    $load->stop;

    if ($result->{status}) {
        print STDERR "$name: $result->{failed} failed, $result->{closed} lost,"
                     . " $result->{missing} missing: $result->{why}\n";
        $failed++;
    }

    return $result;
}


sub missed {
    my $n = 0;
    $n += $_->{missing} + $_->{failed} + $_->{closed} for @_;
    return $n;
}


sub median {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[$#sorted / 2];
}


sub show {
    my ($what, @cells) = @_;

    @cells = map { defined && /^-?\d+(?:\.\d+)?$/ && abs($_) >= 10
                   ? commas(sprintf '%.0f', $_) : $_ // '' } @cells[0 .. 4];

    printf "| %-44s | %9s | %12s | %8s | %8s | %6s |\n", $what, @cells;
}


sub commas {
    my ($n) = @_;
    1 while $n =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $n;
}
