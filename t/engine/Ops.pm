package Ops;

# nginx with the engine's operations over HTTP (t/engine/module), and a
# connection to each of its workers.
#
#   my $ops = Ops->start(workers => 4, zone => '4m');
#   my $res = $ops->call(0, publish => channel => 'c', payload => '{}');
#   $res->{offset}, $res->{lines}       # what it said: name=value, lines
#
# With RTPROP_TEST_ENGINE=redis the engine is the one on Redis; then
# $ops->redis is an RTProp::Redis of its own, with hold => 1 behind $ops->hold,
# an RTProp::Hold.

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use File::Temp;
use Cwd qw(abs_path);

use RTProp::HTTP;
use RTProp::Hold;
use RTProp::Nginx;

my $here = dirname(abs_path(__FILE__));
my $dir = File::Temp->newdir('ops-XXXXXX', TMPDIR => 1);


sub module {
    my $so = "$dir/ops.so";
    my $build = dirname(RTProp::Nginx::module());

    chmod 0755, "$dir";
    system("$here/module/build.sh", $build, $so) == 0
        or croak 'the test module was not built' if !-e $so;

    return $so;
}


sub start {
    my ($class, %opt) = @_;
    my $self = bless { workers => 4, zone => '4m', history => 1000,
                       timeout => '60s', %opt }, $class;

    if (($ENV{RTPROP_TEST_ENGINE} // '') eq 'redis') {
        require RTProp::Redis;
        $self->{redis} = RTProp::Redis->new(%{$self->{redis} || {}});
        $self->{redis}->start;
        $self->{hold} = RTProp::Hold->new(to => $self->{redis}->socket)
            if $self->{hold};
    }

    $self->{nginx} = RTProp::Nginx->new(workers => $self->{workers},
        full => $self->conf);
    $self->{nginx}->start;
    $self->meet;

    return $self;
}


sub nginx { $_[0]{nginx} }
sub redis { $_[0]{redis} }
sub hold  { $_[0]{hold} }

sub address {
    my ($self) = @_;
    return $self->hold ? $self->hold->socket . " timeout=$self->{timeout}"
                       : $self->redis->socket;
}


sub conf {
    my ($self) = @_;
    my $user = $> == 0 ? 'user nobody nogroup;' : '';
    my $temp = join "\n    ", map { "${_}_temp_path \@PREFIX\@/tmp_$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);

    return <<"END";
load_module @{[module()]};
$user
worker_processes $self->{workers};
error_log \@PREFIX\@/logs/error.log @{[$ENV{RTPROP_LOG} || 'info']};
pid \@PREFIX\@/nginx.pid;
worker_shutdown_timeout 2s;
@{[$self->{main} // '']}

events {
    worker_connections 256;
}

http {
    access_log off;
    $temp
    @{[$self->{http} // '']}
    ops_zone $self->{zone};
    @{[$self->redis ? 'rtprop_redis unix:' . $self->address . ';' : '']}
    ops_history $self->{history};
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    client_header_buffer_size 16k;
    large_client_header_buffers 4 128k;

    server {
        listen 127.0.0.1:\@PORT\@ reuseport;
        location / { ops; }
    }
}
END
}


# Connections to all workers, kept; ordered by slot.  A worker that is gone has
# lost its place.

sub meet {
    my ($self, @pids) = @_;
    my %wanted = map { $_ => 1 } @pids ? @pids : $self->{nginx}->workers;
    my %met = map { $_->{pid} => $_ }
              grep { $wanted{$_->{pid}} } @{$self->{met} || []};

    for (1 .. 1000) {
        last if keys %met == keys %wanted;

        my $http = RTProp::HTTP->new(port => $self->{nginx}->port,
                                     timeout => 20);
        my $res = $http->get('/who');
        my ($pid, $slot) = ($res->{body} // '') =~ /^(\d+) (\d+)/ or next;

        if ($wanted{$pid} && !$met{$pid}) {
            $met{$pid} = { pid => $pid, slot => $slot, http => $http };
        }
    }

    keys %met == keys %wanted or croak 'not all workers were met';

    $self->{met} = [sort { $a->{slot} <=> $b->{slot} } values %met];

    return $self;
}


sub pid   { $_[0]{met}[$_[1]]{pid} }
sub count { scalar @{$_[0]{met}} }


sub index {
    my ($self, $pid) = @_;
    return (grep { $self->{met}[$_]{pid} == $pid } 0 .. $self->count - 1)[0];
}


sub call {
    my ($self, $worker, $op, %arg) = @_;
    my $w = $self->{met}[$worker] or croak "no worker $worker";
    my $query = join '&', map { "$_=" . escape($arg{$_}) } sort keys %arg;

    return read_result($w, $w->{http}->get("/$op?$query"));
}


# The same in two parts: nothing is waited for between them.

sub begin {
    my ($self, $worker, $op, %arg) = @_;
    my $w = $self->{met}[$worker];
    my $query = join '&', map { "$_=" . escape($arg{$_}) } sort keys %arg;

    syswrite $w->{http}{socket}, "GET /$op?$query HTTP/1.1\r\nHost: h\r\n\r\n";
}


sub result {
    my ($self, $worker) = @_;
    my $w = $self->{met}[$worker];

    return read_result($w, $w->{http}->read_answer('GET', time + 20));
}


sub read_result {
    my ($w, $res) = @_;

    return { error => $res->{error} } if !$res->{status};

    my ($who, @lines) = split /\n/, $res->{body};
    croak "worker $w->{pid} is gone" if $who !~ /^$w->{pid} /;

    my %value = (@lines ? $lines[0] : '') =~ /(\w+)=(\S*)/g;

    return { %value, lines => \@lines, body => $res->{body} };
}


# Notes what comes of these channels; the embedded engine delivers all.

sub listen {
    my ($self, @channels) = @_;

    for my $w (0 .. $self->count - 1) {
        $self->call($w, 'listen');
        next if !$self->redis;
        $self->call($w, history => channel => $_, subscribe => 1)
            for @channels;
    }
}


# Whether the zone is whole; the engine on Redis has nothing there.

sub whole {
    my ($self, $worker) = @_;
    return 1 if $self->redis;
    return $self->call($worker, 'check')->{body} =~ /^ok /m;
}


sub escape {
    my ($text) = @_;
    return $text =~ s/([^A-Za-z0-9_.:-])/sprintf '%%%02X', ord $1/ger;
}


# What all workers noted since they were last asked, by slot.

sub notes {
    my ($self) = @_;

    return map {
        my $lines = $self->call($_, 'seen')->{lines};
        [@{$lines}[1 .. $#$lines]];
    } 0 .. $self->count - 1;
}


# Waits for a line in anybody's notes; returns all lines so far.

sub wait_note {
    my ($self, $pattern, $timeout) = @_;
    my @all;

    my $found = $self->{nginx}->wait_until(sub {
        push @all, map { @$_ } $self->notes;
        return grep { /$pattern/ } @all;
    }, $timeout);

    return $found ? @all : ();
}


sub wait_for {
    my ($self, $condition, $timeout) = @_;
    return $self->{nginx}->wait_until($condition, $timeout);
}


# Kills a worker by kill -9 and meets its successor.

sub kill {
    my ($self, $worker) = @_;
    my $pid = $self->pid($worker);

    $self->{nginx}->kill_worker($pid);
    $self->meet;

    return $pid;
}


# Sends a worker what will kill it, once, and meets its successor.

sub die {
    my ($self, $worker, $op, %arg) = @_;
    my $w = $self->{met}[$worker];
    my $query = join '&', map { "$_=$arg{$_}" } sort keys %arg;

    $self->{nginx}{killed}{$w->{pid}} = 1;
    syswrite $w->{http}{socket}, "GET /$op?$query HTTP/1.1\r\nHost: h\r\n\r\n";

    $self->wait_for(sub {
        return !-d "/proc/$w->{pid}"
               && $self->{nginx}->workers == $self->{workers};
    }) or croak "worker $w->{pid} did not die";

    $self->meet;
}


sub stop {
    my ($self) = @_;
    $self->{nginx}->stop;
    return $self->{nginx}->bad_lines;
}


1;
