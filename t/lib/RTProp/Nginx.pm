package RTProp::Nginx;

# A private nginx with the module, in a prefix of its own and on free ports.
#
#   my $nginx = RTProp::Nginx->new(http => '…', server => '…', workers => 4);
#   $nginx->start;
#   … $nginx->port, $nginx->reload, $nginx->kill_worker …
#   $nginx->stop;
#   my @bad = $nginx->bad_lines;      # what no test expects in the error log
#
# Options of new(): main, events, http, server (configuration text); files
# (name => content, written into the prefix, where relative names in the
# configuration point); workers (4), connections (1024) of each; log_level
# ("info", RTPROP_LOG overrides); single (true: one process, which is master and
# worker; workers is 0 then); tls (true: a second port with a self-signed
# certificate); reuseport (true: the kernel spreads connections over the
# workers); allow (patterns of error lines that are expected); redis (an
# RTProp::Redis that was started: the engine is on it); store (text of the
# http level: empty, or the directive of a database); within, address (a command
# that runs it elsewhere, and where it listens: RTProp::Host has both).
# RTPROP_MODULE and RTPROP_NGINX replace the module and the binary; with
# RTPROP_TEST_ENGINE=redis each nginx has a Redis of its own, with
# RTPROP_TEST_STORE a database (those on one Redis a common one).

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);

# RTPROP_PATIENCE is how much slower than usual all may be
use constant TIMEOUT => 10 * ($ENV{RTPROP_PATIENCE} || 1);

use constant { FIRST_PORT => 10240, PORTS => 10000 };

# a sanitized nginx: its table of modules is in each module, too, on purpose
$ENV{ASAN_OPTIONS} //= 'detect_odr_violation=0:detect_leaks=0';
$ENV{UBSAN_OPTIONS} //= 'print_stacktrace=1';

my $next_port = $$ * 97;
my @ports;

my $top = $ENV{RTPROP_TOP} || abs_path(dirname(__FILE__) . '/../../..');


sub top    { $top }
sub module { $ENV{RTPROP_MODULE} || "$top/build/ngx_rtprop_module.so" }

sub binary {
    my ($given) = grep { defined && length } $ENV{RTPROP_NGINX};
    return $given if $given;

    for my $dir (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin') {
        return "$dir/nginx" if -x "$dir/nginx";
    }

    croak 'no nginx binary found';
}


sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        main => '', events => '', http => '', server => '', files => {},
        workers => 4, connections => 1024, tls => 0,
        log_level => $ENV{RTPROP_LOG} || 'info',
        allow => [], within => [], address => '127.0.0.1',
        %opt, killed => {}, owner => $$,
    }, $class;

    $self->{workers} = 0 if $self->{single};

    $self->{dir} = File::Temp->newdir('nginx-XXXXXX', TMPDIR => 1);
    $self->{prefix} = "$self->{dir}";
    chmod 0755, $self->{prefix};
    make_path("$self->{prefix}/logs");

    if ($ENV{RTPROP_TEST_STORE} && !defined $self->{full}
        && $self->{http} !~ /rtprop_postgres/ && !defined $self->{store})
    {
        # instances on one Redis have one database, too
        my ($shared) = $self->{redis} ? $self->{redis}->dir
                     : $self->{http} =~ /rtprop_redis\s+([^;]+)/;

        require RTProp::Durable;
        $self->{store} = RTProp::Durable->directives($shared);
    }

    $self->{port} = free_port();
    $self->{tls_port} = free_port() if $self->{tls};
    $self->own_redis if ($ENV{RTPROP_TEST_ENGINE} // '') eq 'redis';

    $self->make_certificate if $self->{tls};
    $self->write_file($_, $self->{files}{$_}) for keys %{$self->{files}};
    $self->write_conf;

    return $self;
}


# Whatever is tested, on the other engine; but not what names one itself.

sub own_redis {
    my ($self) = @_;

    return if $self->{redis} || defined $self->{full}
              || $self->{http} =~ /rtprop_engine/;

    require RTProp::Redis;
    $self->{redis} = RTProp::Redis->new;
    $self->{redis}->start;
}


sub engine {
    my ($self) = @_;

    return '' if !$self->{redis} || $self->{http} =~ /rtprop_engine/;
    return "rtprop_engine redis;\n    rtprop_redis unix:"
           . $self->{redis}->socket . ';';
}


sub prefix     { $_[0]{prefix} }
sub address    { $_[0]{address} }
sub port       { $_[0]{port} }
sub tls_port   { $_[0]{tls_port} }
sub master_pid { $_[0]{pid} }
sub log_file   { "$_[0]{prefix}/logs/error.log" }
sub access_log { slurp("$_[0]{prefix}/logs/access.log") }


# A port that no other test gets while this one runs, though nothing listens
# there for a while; outgoing connections, whose ports the kernel takes from
# 32768 on, do not get it either.

sub free_port {
    for (1 .. PORTS) {
        my $port = FIRST_PORT + ($next_port++ % PORTS);
        return $port if take_port($port);
    }

    croak 'no free port';
}


# The name in the abstract namespace is as good as a lock, and ends with us.

sub take_port {
    my ($port) = @_;

    my $lock = IO::Socket::UNIX->new(Type => SOCK_STREAM,
                                     Local => "\0rtprop-port-$port") or return;
    IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port", Listen => 1)
        or return;
    push @ports, $lock;

    return 1;
}


sub write_file {
    my ($self, $name, $content) = @_;
    my $path = "$self->{prefix}/$name";

    make_path(dirname($path));
    open my $fh, '>:raw', $path or croak "$path: $!";
    print {$fh} $content;
    close $fh or croak "$path: $!";

    # secrets are as operations.md wants them
    chmod 0600, $path if $name =~ /\.key$|password|jwks/;

    return $path;
}


# The configuration; a "full" text replaces it whole, with @PORT@, @TLS_PORT@,
# @PREFIX@, @MODULE@ filled in.

sub conf {
    my ($self) = @_;
    my $prefix = $self->{prefix};

    if (defined $self->{full}) {
        my %value = (PORT => $self->{port}, PREFIX => $prefix,
                     MODULE => module(),
                     TLS_PORT => $self->{tls_port} // '');
        my $names = join '|', keys %value;
        return $self->{full} =~ s/\@($names)\@/$value{$1}/gr;
    }

    my $user = $> == 0 ? 'user nobody nogroup;' : '';
    my $tls = $self->{tls} ? "listen 127.0.0.1:$self->{tls_port} ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key cert.key;" : '';
    my $temp = join "\n    ", map { "${_}_temp_path $prefix/tmp_$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my $module = module();
    my $processes = $self->{single} ? 'master_process off'
                                    : "worker_processes $self->{workers}";
    my $listen = "$self->{address}:$self->{port}"
                 . ($self->{reuseport} ? ' reuseport' : '');

    return <<"END";
load_module $module;
$user
$processes;
error_log $prefix/logs/error.log $self->{log_level};
pid $prefix/nginx.pid;
$self->{main}

events {
    worker_connections $self->{connections};
    $self->{events}
}

http {
    access_log $prefix/logs/access.log;
    $temp
    @{[$self->engine]}

    @{[$self->{store} // '']}
    $self->{http}

    server {
        listen $listen;
        $tls
        server_name localhost;

        $self->{server}
    }
}
END
}


sub write_conf {
    my ($self) = @_;
    $self->write_file('nginx.conf', $self->conf);
}


sub make_certificate {
    my ($self) = @_;
    my $p = $self->{prefix};

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
           . " -nodes -days 2 -subj /CN=localhost -keyout $p/cert.key"
           . " -out $p/cert.pem >$p/logs/openssl.log 2>&1") == 0
        or croak slurp("$p/logs/openssl.log");
}


sub start {
    my ($self) = @_;

    for my $try (1 .. 3) {
        $self->spawn;
        return $self if $self->wait_workers;

        my $log = $self->log . $self->stderr;
        $self->stop('KILL');

        # another test was faster to take this port: once more, with others
        croak "nginx did not start:\n$log"
            if $try == 3 || $log !~ /Address already in use/;

        $self->{port} = free_port();
        $self->{tls_port} = free_port() if $self->{tls};
        unlink $self->log_file;
        $self->write_conf;
    }
}


sub spawn {
    my ($self) = @_;
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$self->{prefix}/logs/stderr.log";
        open STDERR, '>&', \*STDOUT;
        exec(@{$self->{within}}, binary(), $self->arguments, '-g',
             'daemon off;') or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $self->{stopped} = 0;
}


sub arguments {
    my ($self) = @_;
    my $prefix = $self->{prefix};

    return ('-p', "$prefix/", '-c', "$prefix/nginx.conf",
            '-e', "$prefix/logs/error.log");
}


# Calls $condition until it returns true, or until the deadline has passed.

sub wait_until {
    my ($self, $condition, $timeout) = @_;
    my $deadline = time + ($timeout // TIMEOUT);

    while (1) {
        my $value = $condition->();
        return $value if $value;
        return if time > $deadline;

        # a child's end interrupts this short wait
        select undef, undef, undef, 0.01;
    }
}


sub wait_workers {
    my ($self, $condition) = @_;
    my $gone;

    $condition ||= sub { 1 };

    my $ready = $self->wait_until(sub {
        return $gone = 1 if !$self->alive;
        return $self->answers if $self->{single};

        my @workers = grep { $condition->($_) } $self->workers;
        return @workers >= $self->{workers};
    });

    return $ready && !$gone;
}


# A single process has no title that would tell.

sub answers {
    my ($self) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $self->{port});
}


sub alive {
    my ($self) = @_;

    return 0 if !$self->{pid} || $self->{stopped};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;

    $self->{stopped} = 1;
    $self->{exit} = $?;

    return 0;
}


# Pids of the workers that serve: nginx gives a worker its title when it is
# ready, and another one when it shuts down.

sub workers  { $_[0]->children('nginx: worker process') }
sub draining { $_[0]->children('nginx: worker process is shutting down') }

sub children {
    my ($self, $title) = @_;
    my $pid = $self->{pid} or return;

    return grep { slurp("/proc/$_/cmdline") =~ /^\Q$title\E[\0 ]*$/ }
           split ' ', slurp("/proc/$pid/task/$pid/children");
}


# The pid of the worker that has accepted this connection of a client.

sub worker_of {
    my ($self, $socket) = @_;
    my ($here, $there) = ($socket->sockport, $socket->peerport);
    my $inode;

    return $self->wait_until(sub {
        ($inode) = slurp('/proc/net/tcp') =~
            /:[ ][0-9A-F]{8}:(?i:@{[sprintf '%04x', $there]})
             [ ][0-9A-F]{8}:(?i:@{[sprintf '%04x', $here]})
             [ ]01(?:[ ]+\S+){5}[ ](\d+)/x;
        return if !$inode;

        for my $pid ($self->children_all) {
            for my $fd (glob "/proc/$pid/fd/*") {
                return $pid if (readlink($fd) // '') eq "socket:[$inode]";
            }
        }

        return;
    });
}


# Reloads, with a changed configuration if options are given, and waits until
# the new workers serve and the old ones, which may live on, know that they end.

sub reload {
    my ($self, %opt) = @_;
    my %old = map { $_ => 1 } $self->workers;

    if (%opt) {
        @{$self}{keys %opt} = values %opt;
        $self->write_conf;
    }

    kill HUP => $self->{pid};

    ($self->wait_workers(sub { !$old{$_[0]} })
     && $self->wait_until(sub { !grep { $old{$_} } $self->workers }))
        or croak "no new workers after a reload:\n" . $self->log;
}


# Waits until no worker is shutting down any more.

sub wait_drained {
    my ($self, $timeout) = @_;
    $self->wait_until(sub { !$self->draining }, $timeout);
}


# Kills a worker (the given one, else the first) and waits for its successor,
# whose pid it returns.

sub kill_worker {
    my ($self, $pid, $signal) = @_;
    my %old = map { $_ => 1 } $self->workers;

    ($pid) = sort keys %old if !$pid;
    $self->{killed}{$pid} = 1;

    kill $signal || 'KILL', $pid;

    my $new;
    $self->wait_until(sub {
        ($new) = grep { !$old{$_} } $self->workers;
        return $new && !-d "/proc/$pid";
    }) or croak "worker $pid has no successor:\n" . $self->log;

    return $new;
}


# Ends nginx: "TERM" (the default), "QUIT", or "KILL".  Returns false when it
# had to be killed because it did not end in time.

sub stop {
    my ($self, $signal, $timeout) = @_;
    $signal ||= 'TERM';

    return 1 if !$self->alive;

    $self->{ended} = 1 if $signal eq 'TERM';
    my @workers = $signal eq 'KILL' ? $self->children_all : ();
    kill $signal => $self->{pid}, @workers;

    $timeout //= 1.5 * TIMEOUT;

    # a worker that is about to end holds on to the port

    return 1 if $self->wait_until(sub {
        !$self->alive && !grep { running($_) } @workers
    }, $timeout);

    $self->{hung} = 1;
    kill KILL => $self->{pid}, $self->children_all;
    $self->wait_until(sub { !$self->alive });

    return 0;
}


sub running { slurp("/proc/$_[0]/stat") =~ /\) [^XZ]/ }


sub children_all {
    my ($self) = @_;
    return split ' ', slurp("/proc/$self->{pid}/task/$self->{pid}/children");
}


sub log    { slurp($_[0]->log_file) }
sub stderr { slurp("$_[0]{prefix}/logs/stderr.log") }


# Waits for a line in the error log after offset $from (0); returns the line.

sub wait_log {
    my ($self, $pattern, $timeout, $from) = @_;

    return $self->wait_until(sub {
        my ($line) = grep { /$pattern/ }
                     split /\n/, substr($self->log, $from // 0);
        return $line;
    }, $timeout);
}


sub log_size { -s $_[0]->log_file || 0 }


sub allow {
    my ($self, @patterns) = @_;
    push @{$self->{allow}}, @patterns;
}


# Lines of error and worse, crashes and sanitizers' words, that nobody allowed.

sub bad_lines {
    my ($self) = @_;
    my @bad;

    push @bad, 'nginx did not stop in time' if $self->{hung};

    for my $line (split /\n/, $self->log . $self->stderr) {
        next if $line !~ /\[(?:alert|emerg|crit|error)\]/
                && $line !~ /exited on signal|exited with code [^0]/
                && $line !~ /(?:Address|Leak|UndefinedBehavior)Sanitizer/
                && $line !~ /runtime error:/;

        next if $line =~ /process (\d+) exited on signal/
                && $self->{killed}{$1};
        next if $line =~ /was locked by (\d+)/ && $self->{killed}{$1};
        # the master gives its workers a second, sanitizers take more
        next if $line =~ /exited on signal 9$/ && $self->{ended}
                && $ENV{RTPROP_PATIENCE};
        # nginx's own, which its authors know
        next if $line =~ m{^src/\w+/.*: runtime error:};
        next if grep { $line =~ /$_/ } @{$self->{allow}};

        push @bad, $line;
    }

    return @bad;
}


# "nginx -t" on the configuration: (true if it is accepted, what it said).

sub test_config {
    my ($self) = @_;
    $self = $self->new(@_[1 .. $#_]) if !ref $self;

    my $pid = open(my $fh, '-|') // croak "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec(@{$self->{within}}, binary(), $self->arguments, '-t')
            or POSIX::_exit(127);
    }

    my $said = do { local $/; <$fh> } // '';
    close $fh;

    return wantarray ? ($? == 0, $said) : $? == 0;
}


sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return '';
    local $/;
    return <$fh> // '';
}


sub DESTROY {
    my ($self) = @_;
    local ($@, $?, $!);
    return if !$self->{pid} || $self->{owner} != $$;
    $self->stop('KILL');
}


1;
