package Hard;

# What the tests of hardness share: a server, witnesses of it, its accounts.
#
#   use lib 't/lib', 't/hard';
#   use Hard;
#
#   my $nginx = serve(location => '…');
#   rounds('half-open sockets', sub {
#       my $witness = witness();        # two who chat, in a process of theirs
#       …
#       served($witness, 'meanwhile');  # neither was disturbed
#   });
#   done_testing();
#
# rounds() runs it twice.  After each round nothing may be left of it; the
# second may add 2 % to the memory of nginx at most.  Options: killed (workers
# were killed: nginx's own count of connections keeps theirs), kept (ids of
# messages are remembered for minutes: the zone may fill).
#
# nginx runs with shim.c: shift_clock(ms) moves its time of day, and
# shift_steady(ms) the clock of its timers.
#
# full(10_000, 1_000) is the first number under "make hard" (RTPROP_HARD=1), the
# second one under "make test".

use strict;
use warnings;

# as many files as may be had, for us and for nginx
BEGIN {
    if (!$ENV{RTPROP_FILES}) {
        $ENV{RTPROP_FILES} = 1;
        exec 'sh', '-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', $^X,
             '-It/lib', $0;
        die "exec: $!\n";
    }
}

use Cwd qw(abs_path);
use Exporter qw(import);
use Fcntl ();
use File::Basename qw(dirname);
use File::Temp;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

use RTProp::Chat;
use RTProp::Test;

our @EXPORT = qw(full serve gauges memory settled rounds witness served
                 helper answer_of raw_sockets drop_all metric load_tool
                 until_true shift_clock shift_steady with_shim);

use constant {
    WAIT => 30,                   # seconds, for what must happen
    GROWTH => 0.02,
    ROUNDS => 5,
};

my ($nginx, %stops);
my $here = dirname(abs_path(__FILE__));
my $dir = File::Temp->newdir('hard-XXXXXX', TMPDIR => 1);
my ($servers, $generation) = (0, 0);

# a sanitizer keeps what was freed: resident memory says nothing then, but it
# counts what is in use
my $sanitized = RTProp::Nginx::slurp(RTProp::Nginx::module()) =~ /__asan_init/;


# ----------------------------------------------------------------- shim ---

sub shim {
    # a server of its own has its own numbers: others may still run
    $servers++;
    poke(0, (0) x 5);
    chmod 0666, state_file();

    return "$dir/shim.so" if -e "$dir/shim.so";

    chmod 0755, "$dir";
    system(split(' ', $ENV{CC} || 'cc'), qw(-O2 -shared -fPIC -D_GNU_SOURCE),
           '-o', "$dir/shim.so", "$here/shim.c", '-ldl') == 0
        or die "shim.c is not compiled\n";

    return "$dir/shim.so";
}


sub state_file { return "$dir/state$servers" }


# Writes numbers into the file that nginx has mapped.

sub poke {
    my ($at, @numbers) = @_;

    sysopen my $fh, state_file(), Fcntl::O_RDWR() | Fcntl::O_CREAT()
        or die state_file() . ": $!\n";
    sysseek $fh, 8 * $at, 0;
    syswrite $fh, pack 'q*', @numbers;
    close $fh;
}


sub shift_clock { poke(0, $_[0]) }
sub shift_steady { poke(4, $_[0]) }


# Master and workers give back what they have freed: what is left is in use.
# Returns how much a sanitizer says that it is.

sub trim {
    my ($done, $in_use);

    # "done" and "in_use" first, so that none of them counts before that
    poke(2, 0, 0);
    poke(1, ++$generation);
    kill IO => $nginx->master_pid;     # to it that is no more than a wake-up

    until_true(sub {
        (undef, undef, $done, $in_use) =
            unpack 'q*', RTProp::Nginx::slurp(state_file());
        return $done >= 1 + $nginx->workers;
    }) or die "not all processes have given back what they have freed\n";

    return $in_use;
}


sub full { $ENV{RTPROP_HARD} ? $_[0] : $_[1] }




# Two workers; /ws has no rates, /strict the defaults, /stub nginx's own count.
# Options of rtprop_nginx(); zone (8m), location (for /ws), more (locations).

sub serve {
    my (%opt) = @_;
    my $zone = delete $opt{zone} // '8m';
    my $location = delete $opt{location} // '';
    my $more = delete $opt{more} // '';
    my $http = delete $opt{http} // '';
    my $server = RTProp::Test::standard_server(<<"END");
            rtprop_rate message off;
            rtprop_rate typing off;
            rtprop_rate other off;
            rtprop_rate bid off;
            rtprop_user_connections 1000;
            $location
END

    my @conf = (server => <<"END",
        $server

        location /strict {
            rtprop native;
            rtprop_jwt_key jwt.key;
        }

        location = /stub {
            stub_status;
        }

        $more
END
        http => "rtprop_zone rtprop $zone;\nrtprop_history messages=50;\n"
                . ($http =~ /rtprop_drain/ ? '' : "rtprop_drain 500ms;\n")
                . $http);

    $nginx = with_shim(sub { rtprop_nginx(workers => 2, %opt, @conf) });

    return $nginx;
}


# What $code starts has a clock of its own; returns what it does.

sub with_shim {
    my ($code) = @_;

    # a sanitizer's library, if there is one, comes first
    local $ENV{LD_PRELOAD} = join ':', $ENV{LD_PRELOAD} // (), shim();
    local $ENV{RTPROP_SHIM} = state_file();
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // '')
                               . ':verify_asan_link_order=0';
    shift_clock(0);

    return $code->();
}


sub until_true {
    my ($condition, $timeout) = @_;
    return $nginx->wait_until($condition, $timeout // WAIT);
}


# ------------------------------------------------------------- accounts ---

sub metric {
    my ($name) = @_;
    my $text = RTProp::Test::http()->get('/metrics')->{body} // '';
    my $sum;

    $sum += $1 while $text =~ /^\Q$name\E(?:\{.*?\})? (-?[\d.]+)$/mg;

    return $sum;
}


# What must be as it was when all have gone.

sub gauges {
    my $http = RTProp::Test::http(bearer => API_KEY);

    # the connection of api() is none of them
    $nginx->{api_client}->drop if $nginx->{api_client};

    my $text = $http->get('/metrics')->{body} // '';
    my %found;

    for my $name (qw(connections_active ws_connections
                     ws_compressed_connections workers engine_jobs_waiting))
    {
        ($found{$name}) = $text =~ /^rtprop_$name (\d+)$/m;
    }

    ($found{sockets}) = ($http->get('/stub')->{body} // '')
                        =~ /^Active connections: (\d+)/m;

    my $list = $http->get('/api/channels?prefix=&limit=1000')->{json} // {};
    $found{subscribers} += $_->{subscribers} for @{$list->{channels} || []};
    $found{subscribers} //= 0;

    return \%found;
}


# Octets of master and workers, without what they share and what they have
# freed: the resident ones, or those that a sanitizer counts.

sub memory {
    my $sum = 0;
    my $in_use = trim();

    return $in_use if $sanitized;

    for my $pid ($nginx->master_pid, $nginx->workers) {
        my $status = RTProp::Nginx::slurp("/proc/$pid/status");
        my %kb = $status =~ /^(VmRSS|RssShmem):\s+(\d+) kB/mg;
        $sum += 1024 * (($kb{VmRSS} // 0) - ($kb{RssShmem} // 0));
    }

    return $sum;
}


sub settled {
    my ($base, $name, %opt) = @_;
    my $now;
    my $text = JSON::PP->new->canonical;

    until_true(sub {
        $now = gauges();
        $now->{sockets} = $base->{sockets} if $opt{killed};
        return $text->encode($now) eq $text->encode($base);
    });

    is_deeply($now, $base, "$name: nothing is left of it");
}


# More rounds only if the second one added too much: what leaks goes on.

sub rounds {
    my ($name, $round, %opt) = @_;
    my $base = gauges();
    my ($before, $zone, $grown, $more);

    for my $n (1 .. ROUNDS) {
        $round->($n);
        settled($base, "$name, round $n", %opt);

        my ($now, $used) = (memory(), metric('rtprop_zone_used_bytes'));

        if ($before) {
            ($grown, $more) = ($now / $before - 1, $used / $zone - 1);
            $more = 0 if $opt{kept};
            last if $grown <= GROWTH && $more <= GROWTH;
        }

        note(sprintf 'round %d: %d bytes, zone %d', $n, $now, $used);
        ($before, $zone) = ($now, $used);
    }

    cmp_ok($grown, '<=', GROWTH, "$name: memory does not grow");
    cmp_ok($more, '<=', GROWTH, "$name: nor what is used of the zone");
    note(sprintf '%s: %d bytes, %+.2f %%; zone %d, %+.2f %%', $name, $before,
         $grown * 100, $zone, $more * 100);
}


# -------------------------------------------------------------- helpers ---

# Runs $code->($stop) in a process of its own; $stop->() is true when the test
# wants it to end.  What it returns (a reference) is read by answer_of().

sub helper {
    my ($code) = @_;

    pipe my $stop_r, my $stop_w or die "pipe: $!\n";
    pipe my $out_r, my $out_w or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        # nobody but the test keeps another one from its end
        close $_ for $stop_w, $out_r, values %stops;
        alarm 240;
        my $select = IO::Select->new($stop_r);
        my $result = eval {
            $code->(sub { scalar $select->can_read($_[0] // 0) });
        } // { fault => $@ || 'no result' };

        print {$out_w} JSON::PP->new->utf8->encode($result);
        close $out_w;
        POSIX::_exit(0);
    }

    close $_ for $stop_r, $out_w;

    $stops{$pid} = $stop_w;

    return { pid => $pid, out => $out_r };
}


sub answer_of {
    my ($helper) = @_;

    close delete $stops{$helper->{pid}};
    my $text = do { local $/; readline $helper->{out} } // '';
    waitpid $helper->{pid}, 0;

    return eval { JSON::PP::decode_json($text) } // { fault => "said: $text" };
}


# Ann speaks, Ben hears and pings; neither is ever disconnected.

sub witness {
    my (%opt) = @_;
    my $patience = $opt{patience} // WAIT;

    return helper(sub {
        my ($stop) = @_;
        my %in = (claims => { conversations => ['witness'] },
                  timeout => $patience);
        my ($ann, $ben) = map { client(user => "witness-$_", %in) } 1, 2;
        my ($count, $longest, $last) = (0, 0, 0);

        joins($_, 'witness', limit => 1) or die "not joined\n" for $ann, $ben;

        until ($last) {
            # one more after the end, so that one at least is of afterwards
            $last = $stop->(0.01);

            my $began = time;
            $count++;
            $ann->send_json('chat:send_message', { content => "n $count",
                            conversation_id => 'witness' }, "n$count");
            $ben->wait_for('chat:new_message', sub {
                $_[0]{payload}{content} eq "n $count" })
                or die "message $count is lost: " . $ben->error . "\n";
            $ann->wait_for('ack', sub { ($_[0]{id} // '') eq "n$count" })
                or die "no ack $count: " . $ann->error . "\n";
            $ben->send_json('ping');
            $ben->wait_for('pong') or die 'no pong: ' . $ben->error . "\n";

            my $took = time - $began;
            $longest = $took if $took > $longest;
            $_->clear for $ann, $ben;
        }

        $_->close for $ann, $ben;

        return { count => $count, longest => $longest };
    });
}


sub served {
    my ($witness, $name) = @_;
    my $seen = answer_of($witness);

    is($seen->{fault}, undef, "$name: everyone else is served");
    cmp_ok($seen->{count} // 0, '>', 0, "$name: they talked");
    note(sprintf '%d messages, the slowest %.0f ms', $seen->{count},
         1000 * $seen->{longest}) if $seen->{count};
}


# $n plain sockets to nginx, each has sent what $text->($i) gives.

sub raw_sockets {
    my ($n, $text, %opt) = @_;
    my $to = pack_sockaddr_in($opt{port} // $nginx->port,
                              inet_aton('127.0.0.1'));
    my @sockets;

    for my $i (0 .. $n - 1) {
        socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket $i: $!\n";
        connect $s, $to or die "connect $i: $!\n";

        my $bytes = $text->($i);
        syswrite $s, $bytes if length $bytes;
        push @sockets, $s;
    }

    return @sockets;
}


# Waits until the server has ended them all; returns how many it has not.

sub drop_all {
    my (@sockets) = @_;
    my $select = IO::Select->new(@sockets);
    my $deadline = time + WAIT;

    while ($select->count && time < $deadline) {
        for my $s ($select->can_read(0.2)) {
            my $n = sysread $s, my $bytes, 65536;
            $select->remove($s) if !$n;
        }
    }

    my $left = $select->count;
    close $_ for @sockets;

    return $left;
}


# The load tool, built; its run against $path: the JSON object, decoded.

sub load_tool {
    my (@args) = @_;
    my $top = RTProp::Nginx::top();
    my $build = RTProp::Nginx::module() =~ s{/[^/]+$}{}r;

    if (!-x "$build/rtprop-load") {
        delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
        my $said = `make -s -C "$top" BUILD="$build" load 2>&1`;
        die $said if $?;
    }

    open my $out, '-|', "$build/rtprop-load", '--json', @args
        or die "rtprop-load: $!\n";
    my $text = do { local $/; <$out> };
    close $out;

    return JSON::PP::decode_json($text || '{}');
}


1;
