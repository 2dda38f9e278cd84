package Talk;

# nginx with the Redis client of one worker over HTTP (t/redis/module).
#
#   my $talk = Talk->start($redis->url . ' timeout=500ms');
#   $talk->command('SET', 'a', 1);      # { ok, busy, error, sent, reply }
#   $talk->wait_note(qr/^up$/);

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;

use RTProp::HTTP;
use RTProp::Nginx;

my $here = dirname(abs_path(__FILE__));
my $dir = File::Temp->newdir('talk-XXXXXX', TMPDIR => 1);


sub module {
    my $so = "$dir/talk.so";
    my $build = dirname(RTProp::Nginx::module());

    chmod 0755, "$dir";
    system("$here/module/build.sh", $build, $so) == 0
        or croak 'the test module was not built' if !-e $so;

    return $so;
}


sub start {
    my ($class, $url, %opt) = @_;
    my $self = bless { url => $url, notes => '', %opt }, $class;

    $self->{nginx} = RTProp::Nginx->new(workers => 1, full => $self->conf,
        files => $opt{files} || {});
    $self->{nginx}->start;
    $self->{http} = $self->client;

    return $self;
}


sub nginx  { $_[0]{nginx} }
sub client { RTProp::HTTP->new(port => $_[0]{nginx}->port, timeout => 30) }


sub conf {
    my ($self) = @_;
    my $user = $> == 0 ? 'user nobody nogroup;' : '';
    my $temp = join "\n    ", map { "${_}_temp_path \@PREFIX\@/tmp_$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);

    return <<"END";
load_module @{[module()]};
$user
worker_processes 1;
error_log \@PREFIX\@/logs/error.log @{[$ENV{RTPROP_LOG} || 'info']};
pid \@PREFIX\@/nginx.pid;

events {
    worker_connections 256;
}

http {
    access_log off;
    $temp
    @{[$self->{http_conf} // '']}
    rtprop_redis $self->{url};
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    large_client_header_buffers 4 128k;

    server {
        listen 127.0.0.1:\@PORT\@;
        location / { talk; }
    }
}
END
}


sub get {
    my ($self, $op, %arg) = @_;
    my $query = join '&', map { "$_=" . escape($arg{$_}) } sort keys %arg;
    my $res = $self->{http}->get("/$op?$query");

    croak "$op: " . ($res->{error} // $res->{status})
        if $res->{status} != 200;

    return $res->{body};
}


sub escape {
    my ($text) = @_;
    return $text =~ s/([^A-Za-z0-9_.:-])/sprintf '%%%02X', ord $1/ger;
}


sub fields {
    my ($text) = @_;
    my ($head, $reply) = $text =~ /^(.*?) (?:reply|status)=(.*)\z/s;
    return { $head =~ /(\w+)=(\S*)/g, reply => $reply };
}


sub args {
    my ($self, @args) = @_;
    return map { ("a$_" => $args[$_]) } 0 .. $#args;
}


# A command of these words; a hash ahead of them has "key" and "n".

sub command {
    my ($self, @args) = @_;
    my %opt = ref $args[0] ? %{shift @args} : ();
    return fields($self->get('command', $self->args(@args), %opt));
}


sub script {
    my ($self, $name, $key, @args) = @_;
    my %opt = ref $name ? %$name : (name => $name);
    return fields($self->get('script', %opt, key => $key,
                             $self->args(@args)));
}


# As script() and command(), but not waiting: a client to read_answer() from.

sub begin {
    my ($self, @args) = @_;
    my $http = $self->client;
    my %arg = $self->args(@args);
    my $query = join '&', map { "$_=" . escape($arg{$_}) } sort keys %arg;

    $http->request('GET', '/status');
    syswrite $http->{socket},
             "GET /command?$query HTTP/1.1\r\nHost: h\r\n\r\n";

    return $http->{socket};
}


sub ended {
    my ($self, $socket) = @_;
    my $text = '';

    $self->wait_for(sub {
        my $in = '';
        vec($in, fileno $socket, 1) = 1;
        sysread $socket, $text, 65536, length $text
            if select($in, undef, undef, 0.01) > 0;
        return $text =~ /reply=/;
    }) or return {};

    return fields($text =~ s/.*\r\n\r\n//sr);
}


sub status { fields($_[0]->get('status'))->{reply} }

sub subscribe   { $_[0]->get('subscribe', ch => $_[1], n => $_[2] // 0) }
sub unsubscribe { $_[0]->get('unsubscribe', ch => $_[1], n => $_[2] // 0) }


# All that was noted so far; forget() begins anew.

sub notes {
    my ($self) = @_;
    $self->{notes} .= $self->get('notes');
    return $self->{notes};
}

sub forget {
    my ($self) = @_;
    $self->notes;
    $self->{notes} = '';
}


sub wait_for {
    my ($self, $condition, $timeout) = @_;
    return $self->{nginx}->wait_until($condition, $timeout // 30);
}

sub wait_note {
    my ($self, $pattern, $timeout) = @_;
    return $self->wait_for(sub { $self->notes =~ /$pattern/m }, $timeout);
}

sub wait_status {
    my ($self, $pattern, $timeout) = @_;
    return $self->wait_for(sub { $self->status =~ /$pattern/ }, $timeout);
}


sub metric {
    my ($self, $name) = @_;
    my ($value) = $self->get('metrics') =~ /^\Q$name\E (\S+)$/m;
    return $value;
}


sub stop {
    my ($self, @allow) = @_;
    $self->{nginx}->stop;
    $self->{nginx}->allow(@allow);
    return $self->{nginx}->bad_lines;
}


1;
