#!/usr/bin/perl

# bench.pl PROGRAM [SCENARIO...]: measures rtprop with the load tool PROGRAM and
# prints one table.  A private nginx with one worker on the first processor, the
# tool on the second where there are two.  BENCH_SECONDS (2) is the length of
# each measured run, BENCH_REPEATS (3) how many runs a median is of,
# BENCH_CONNECTIONS (100,000) how many "growth" makes, a tenth of it how many
# "reload" and "back" have at once, BENCH_WORKERS (1) the workers of each
# instance of "auction".

use strict;
use warnings;

use File::Temp;
use POSIX ();
use List::Util qw(max sum0);
use Time::HiRes qw(time);

use lib 't/load';
use Cluster;
use Load;
use RTProp::Postgres;
use RTProp::Test;

use constant {
    AWAY => 5,                   # seconds without Redis
    PAIRS => 4,                  # tries to measure a pair that is not behind
    BEHIND => 15_000,            # us, of the 20,000 between two messages
};

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

# 1 KB of JSON as people write it, which deflate makes a third of
my $text = join ' ', map { "word$_ of a sentence number " . $_ * 7919 % 1000 }
           1 .. 26;
my @kilobyte = (@room, '--rate', 50, '--coalesce', 500, '--settle', 1,
                '--message', '{"type":"chat:send_message","payload":'
                . '{"conversation_id":"load{room}","content":"{mark}'
                . $text . '"}}');

# name, what measures and shows it
my @others = (
    ['idle-tls', \&idle_tls], ['deflate', \&deflate],
    ['workers4', \&workers4], ['cross', \&cross], ['growth', \&growth],
    ['reload', \&reload],
    ['durable', \&durable], ['cluster', \&cluster], ['back', \&back],
    ['auction', \&auction],
);

my %known = map { $_->[0] => 1 } @scenarios, @others;
die "unknown scenario; there are: @{[sort keys %known]}\n"
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

for my $other (@others) {
    next if @wanted && !grep { $_ eq $other->[0] } @wanted;
    $other->[1]->();
}

exit($failed ? 1 : 0);


sub measure {
    my ($name, $what, $rooms, $args, $figure) = @_;
    my @results = map { once($name, $rooms, $args) } 1 .. $repeats;

    if ($figure eq 'bytes') {
        show_idle($what, @results);
        return;
    }

    show("$what: $figure",
         (map { my $of = $_; median(map { $_->{$of} } @results) }
          "${figure}_per_s"),
         median(map { $_->{server}{"${figure}_per_cpu_s"} } @results),
         (map { my $p = $_; median(map { $_->{latency_us}{$p} } @results) }
          qw(p50 p99)), missed(@results));
}


sub show_idle {
    my ($what, @results) = @_;

    show($what, '', '', '', '', missed(@results));
    show('  resident bytes a connection', '',
         median(map { $_->{server}{rss_per_client} } @results));
    show('  CPU s to connect and join', '', sprintf '%.2f',
         median(map { $_->{server}{connect_cpu_s} } @results));
}


sub idle_tls {
    my @args = ('--idle', '--kind', 'property', '--clients', 5000,
                '--rooms', 100, '--settle', 1, '--seconds', 0.1,
                '--connect-rate', 1000);

    show_idle('5,000 idle over TLS',
              map { once('idle-tls', 0, \@args, tls => 1) } 1 .. $repeats);
}


# Both in turn, so that what else the machine does strikes both: the medians,
# and the median of the ratios of CPU time a delivery.  A worker that is behind
# sends several messages by one write, which makes them cheap: such a pair is
# measured again.

sub beside {
    my ($what, $name, $one, $other) = @_;
    my (@one, @other);

    for (1 .. $repeats) {
        my @pair;

        for (1 .. PAIRS) {
            @pair = map { once($name, 1, @{$_}[1 .. $#$_]) } $one, $other;
            last if !grep { $_->{latency_us}{p50} > BEHIND } @pair;
        }

        push @one, $pair[0];
        push @other, $pair[1];
    }

    my $cost = sub { $_[0]{server}{deliveries_per_cpu_s} };

    for my $row ([$one->[0], \@one], [$other->[0], \@other]) {
        my @results = @{$row->[1]};

        show("$what, $row->[0]: deliveries",
             median(map { $_->{deliveries_per_s} } @results),
             median(map { $cost->($_) } @results),
             (map { my $p = $_; median(map { $_->{latency_us}{$p} } @results) }
              qw(p50 p99)), missed(@results));
    }

    show('  CPU a delivery, ratio', '', sprintf '%.2f', median(
        map { $cost->($one[$_]) / ($cost->($other[$_]) || 1) } 0 .. $#one));
}


sub deflate {
    my %on = (location => 'rtprop_compression on;');

    beside('1 KB to 1,000', 'deflate', ['plain', \@kilobyte, %on],
           ['compressed', [@kilobyte, '--deflate'], %on]);
}


# All workers share the first processor: what is compared is CPU time.

sub workers4 {
    my @args = (@room, '--rate', 50, '--coalesce', 500, '--settle', 1);

    beside('room of 1,000', 'workers4', ['one worker', \@args],
           ['four workers', \@args, workers => 4]);
}


# A room of two, nothing pinned: from sending to the other one's receipt, when
# both are in one worker and when they are not.

sub cross {
    my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
                             location => 'rtprop_rate message off;'
                                         . 'rtprop_rate other off;');
    my @workers = $nginx->workers;

    api(PUT => '/api/conversations/c', { participants => [qw(a b c)] });

    my ($from, $near, $far) = map {
        my $ws = client(user => $_->[0], worker => $workers[$_->[1]]);
        $ws->send_json('chat:join', { conversation_id => 'c' });
        $ws->wait_for('chat:joined') or die "cross: not joined\n";
        $ws;
    } ['a', 0], ['b', 0], ['c', 1];

    my (%us, $n);

    for my $to (map { ($near, $far) } 1 .. 500) {
        my $text = 'm' . ++$n;
        my $begun = time;

        $from->send_json('chat:send_message',
                         { conversation_id => 'c', content => $text });

        for my $ws ($to, grep { $_ != $to } $near, $far, $from) {
            $ws->wait_for('chat:new_message',
                          sub { $_[0]{payload}{content} eq $text })
                or die "cross: a message did not come\n";
            push @{$us{$ws}}, 1e6 * (time - $begun) if $ws == $to;
            $ws->clear;
        }
    }

    my ($here, $there) = map { median(@{$us{$_}}) } $near, $far;

    show('room of two, in one worker', '', '', $here);
    show('room of two, across workers', '', '', $there);
    show('  what crossing adds', '', '', sprintf '%.1f', $there - $here);
    $nginx->stop;
}


# Chat with PostgreSQL, each message acknowledged after its commit, in turn with
# what the same disk gives for one commit after the other; on this disk, and as
# if it took a millisecond more for each flush.  Nothing is pinned.

sub durable {
    my $dir = File::Temp->newdir('slow-XXXXXX', TMPDIR => 1);
    my $slow = "$dir/slow_disk.so";

    chmod 0755, "$dir";
    system($ENV{CC} || 'cc', '-O2', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o',
           $slow, 't/load/preload/slow_disk.c', '-ldl') == 0
        or die "slow_disk.c is not compiled\n";

    durable_on('this disk');

    local @ENV{qw(LD_PRELOAD SLOW_DISK_US)} = ($slow, 1000);
    durable_on('1 ms more a flush');
}


sub durable_on {
    my ($disk) = @_;
    my $pg = RTProp::Postgres->new(fsync => 1);
    my (@results, @single);

    $pg->start;
    $pg->migrate;

    my $load = Load->new($program, clients => 1000, http => 'rtprop_postgres "'
                                                    . $pg->conninfo . '";');
    $load->rooms(1000, 100);

    for (1 .. $repeats) {
        push @single, single_commits($pg->dir . '/fsync');
        push @results, $load->run('--label', 'durable', @rooms, '--publishers',
            1000, '--window', 1, @loop, '--seconds', $seconds);
    }

    $load->stop;
    $pg->stop;

    show("rooms on PostgreSQL, $disk: messages",
         median(map { $_->{messages_per_s} } @results), '',
         (map { my $p = $_; median(map { $_->{latency_us}{$p} } @results) }
          qw(p50 p99)), missed(@results));
    show('fdatasync of pg_test_fsync: single commits', median(@single));
    show('  messages to one of them', sprintf '%.1f', median(
        map { $results[$_]{messages_per_s} / $single[$_] } 0 .. $#single));
}


# The first table that it prints is of single writes.

sub single_commits {
    my ($file) = @_;
    my $pid = open my $out, '-|', RTProp::Postgres->binary('pg_test_fsync'),
                                  '-s', 1, '-f', $file
        or die "pg_test_fsync: $!\n";
    my $rate;

    while (!$rate && defined(my $line = <$out>)) {
        ($rate) = $line =~ /^\s+fdatasync\s+([\d.]+) ops/;
    }

    kill INT => $pid;
    close $out;
    unlink $file;

    return $rate // die "pg_test_fsync gives no figure\n";
}


# A thousand at a time come, join, speak and go.  Histories are full, and with
# them what the zone has in use, when it is measured first.

sub growth {
    my $rounds = ($ENV{BENCH_CONNECTIONS} || 100_000) / 1000;
    my $load = Load->new($program, clients => 1000,
                         http => 'rtprop_history messages=100;');
    my (%rss, @results);

    $load->rooms(1000, 100);

    for my $round (1 .. $rounds) {
        push @results, $load->run('--label', 'growth', @rooms, '--publishers',
            1000, '--window', 1, '--settle', 0, '--warmup', 0, '--seconds',
            0.1, '--drain', 2, '--connect-rate', 10_000);
        $rss{$round} = rss($load->nginx);
    }

    $load->stop;

    my ($first, $last) = @rss{$rounds / 10, $rounds};

    show(commas(sprintf '%d', $rounds * 100) . ' connects and messages: kB', '',
         $first / 1024);
    show(commas(sprintf '%d', $rounds * 1000) . ': kB', '', $last / 1024, '',
         '', missed(@results));
    show('  growth, per cent', '', sprintf '%.2f',
         100 * ($last - $first) / $first);
}


# Everyone chats, nginx reloads, everyone comes back and resumes.

sub reload {
    my $clients = ($ENV{BENCH_CONNECTIONS} || 100_000) / 10;
    my $rooms = $clients / 10;
    my $drain = 10;
    my $load = Load->new($program, clients => $clients, drain => "${drain}s");

    $load->rooms($clients, $rooms);

    my $r = $load->run_reloaded($clients, '--label', 'reload', '--clients',
        $clients, '--rooms', $rooms, '--rate', 500, '--settle', 1,
        '--coalesce', 500, '--seconds', 2 * $drain, '--drain', 30,
        '--connect-rate', 2000, '--resume');

    $load->stop;
    $failed++ if $r->{status} || $r->{back} != $clients;

    my $n = commas($clients);

    show("reload under $n who chat: said twice", '', $r->{again}, '', '',
         missed($r) + $r->{skipped});
    show("  came back and resumed", '', $r->{back});
    show("  heard by them, all told", '', $r->{received});
    show("  s until the old worker was gone, of ${\($drain + 5)}", '',
         sprintf '%.1f', $r->{drained});
    print STDERR "reload: $r->{why}\n" if $r->{why};
}


# A room over two instances on one Redis, and over two workers of one nginx, in
# turn.  All that serves, Redis included, shares the first processor.

sub cluster {
    my @args = ('--label', 'cluster', '--seconds', $seconds, @room, '--rate',
                50, '--coalesce', 500, '--settle', 1, $two ? ('--cpu', 1) : ());
    my (@pairs, %results);

    for my $turn (1 .. $repeats) {
        my %pair;

        for (1 .. PAIRS) {
            for my $kind ($turn % 2 ? (0, 1) : (1, 0)) {
                $pair{$kind} = clustered($kind, @args);
            }

            last if !grep { $_->{latency_us}{p50} > BEHIND } values %pair;
        }

        push @pairs, \%pair;
        push @{$results{$_}}, $pair{$_} for 0, 1;
    }

    for ([1, 'two workers, embedded'], [0, 'two instances, Redis']) {
        my ($kind, $what) = @$_;
        my @results = @{$results{$kind}};

        show("room of 1,000, $what: deliveries",
             median(map { $_->{deliveries_per_s} } @results),
             median(map { $_->{server}{deliveries_per_cpu_s} } @results),
             (map { my $p = $_; median(map { $_->{last_us}{$p} } @results) }
              qw(p50 p99)), missed(@results));
    }

    my $ratio = sub {
        my ($of) = @_;
        return sprintf '%.2f', median(map {
            $of->($_->{0}) / ($of->($_->{1}) || 1) } @pairs);
    };

    show('  CPU a delivery, ratio; p99 to the last, ratio', '',
         $ratio->(sub { 1 / ($_[0]{server}{deliveries_per_cpu_s} || 1) }), '',
         $ratio->(sub { $_[0]{last_us}{p99} }));
}


sub clustered {
    my ($embedded, @args) = @_;
    my $workers = $embedded ? 2 : 1;
    my $cluster = Cluster->new($program, clients => 1000,
        embedded => $embedded,
        main => $two ? 'worker_cpu_affinity' . ' 01' x $workers . ';' : '');

    $cluster->pin_redis(0) if $two;
    $cluster->rooms(1000, 1);

    my $r = $cluster->run(@args);
    $cluster->stop;

    if ($r->{status}) {
        print STDERR "cluster: $r->{missing} missing: $r->{why}\n";
        $failed++;
    }

    return $r;
}


# Redis is killed under those who are connected, and away for long enough that
# attempts to connect are rare: how long after it is back all have heard what
# was said since.

sub back {
    my $clients = ($ENV{BENCH_CONNECTIONS} || 100_000) / 10;

    for my $rooms ($clients / 100, $clients) {
        my $cluster = Cluster->new($program, clients => $clients);
        $cluster->rooms($clients, $rooms);

        my $r = $cluster->run_killed($clients, $rooms, AWAY);
        $cluster->stop;

        if ($r->{status}) {
            print STDERR "back: $r->{closed} lost, $r->{missing} missing:"
                         . " $r->{why}\n";
            $failed++;
        }

        my ($n, $of) = map { commas($_) } $clients, $rooms;

        show("Redis killed under $n in $of rooms", '', '', '', '', missed($r));
        show('  s from its return: all was said', '',
             sprintf '%.2f', $r->{said_s});
        show('  all was heard', '', sprintf '%.2f', $r->{back_s});
    }
}


# One hot auction on two instances with Redis and a database that syncs: 200
# bid 2,000 times a second, each twentieth bid a raise.  Nothing is pinned.

sub auction {
    my $workers = $ENV{BENCH_WORKERS} || 1;
    my (@results, @wait, @ratio);

    for (1 .. $repeats) {
        my $r = hot_auction($workers);
        my $median = $r->{latency_us}{p50} || 1;

        push @results, $r;
        push @wait, max(map { $_->{p50_us} } @{$r->{bids}{workers}});
        push @ratio, max(map { $_->{p99_us} / $median }
                         @{$r->{bids}{workers}});
    }

    my $of = sub {
        my ($of) = @_;
        return median(map { $of->($_) } @results);
    };
    my $unjudged = sum0(map { $_->{bids}{unjudged} + $_->{skipped} }
                        @results);

    show("200 bidders, two instances of $workers: judged",
         $of->(sub { $_[0]{bids}{judged_per_s} }),
         $of->(sub { $_[0]{sent} / (sum0(values %{$_[0]{cpu}}) || 1) }),
         (map { my $p = $_; $of->(sub { $_[0]{latency_us}{$p} }) }
          qw(p50 p99)), missed(@results) + $unjudged);

    for my $part (qw(nginx PostgreSQL Redis)) {
        show("  CPU us a bid, $part", '', sprintf '%.1f',
             $of->(sub { 1e6 * $_[0]{cpu}{$part} / ($_[0]{sent} || 1) }));
    }

    show('  accepted', $of->(sub { $_[0]{bids}{accepted_per_s} }));
    show('  slowest worker: p99 by all\'s median; median', '',
         sprintf('%.2f', median(@ratio)), median(@wait));
    show('  first to last who hears a bid', '', '',
         (map { my $p = $_; $of->(sub { $_[0]{bids}{spread_us}{$p} }) }
          qw(p50 p99)));
}


sub hot_auction {
    my ($workers) = @_;
    my $cluster = Cluster->new($program, clients => 200, postgres => 1,
                               workers => $workers);

    $cluster->auction;

    my %pids = (nginx => [map { $_->workers } $cluster->nginx],
                PostgreSQL => [$cluster->postgres->processes],
                Redis => [$cluster->redis->pid]);
    my %before = map { $_ => cpu_seconds(@{$pids{$_}}) } keys %pids;
    my $r = $cluster->run('--label', 'auction', '--kind', 'auction',
                          '--clients', 200, '--rate', 2000, '--settle', 1,
                          '--warmup', 1, '--drain', 30, '--seconds', $seconds);

    $r->{cpu}{$_} = cpu_seconds(@{$pids{$_}}) - $before{$_} for keys %pids;
    $cluster->stop;

    if ($r->{status}) {
        print STDERR "auction: $r->{missing} missing, $r->{skipped} out of"
                     . " turn, $r->{bids}{unjudged} not judged: $r->{why}\n";
        $failed++;
    }

    return $r;
}


# User and system time of processes so far.

sub cpu_seconds {
    my $ticks = 0;

    for my $pid (@_) {
        my @stat = split ' ', RTProp::Nginx::slurp("/proc/$pid/stat")
                              =~ s/^.*\) //sr;
        $ticks += $stat[11] + $stat[12];
    }

    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


# Resident bytes of the workers, once what closed has been cleaned up.

sub rss {
    my ($nginx) = @_;
    my $before = -1;

    for (1 .. 50) {
        my $now = sum0(map { (RTProp::Nginx::slurp("/proc/$_/statm")
                              =~ /^\d+ (\d+)/)[0] * 4096 } $nginx->workers);
        return $now if $now == $before;
        $before = $now;
        select undef, undef, undef, 0.1;
    }

    return $before;
}


# One run, on an nginx of its own, so that no scenario sees another's memory.

sub once {
    my ($name, $rooms, $args, %opt) = @_;
    my $workers = $opt{workers} // 1;
    my ($at) = grep { $args->[$_] eq '--clients' } 0 .. $#$args;
    my $clients = $args->[$at + 1];

    my $load = Load->new($program, clients => $clients,
                         main => $two ? 'worker_cpu_affinity'
                                        . ' 01' x $workers . ';' : '', %opt);

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
    return 0 if !@_;
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
