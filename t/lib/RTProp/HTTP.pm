package RTProp::HTTP;

# A small HTTP/1.1 client: keep-alive, JSON, a bearer key.
#
#   my $http = RTProp::HTTP->new(port => $port, bearer => $key);
#   my $res = $http->put('/api/auctions/a1', { … }, 'If-Match' => '"3"');
#   $res->{status}, $res->{headers}{etag}, $res->{body}, $res->{json}
#
# A reference as body is sent as JSON.  Without an answer in time the status is
# 0 and {error} says why.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

use constant TIMEOUT => 5;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


sub new {
    my ($class, %opt) = @_;
    return bless { host => '127.0.0.1', timeout => TIMEOUT, %opt, in => '' },
                 $class;
}


sub get     { my $self = shift; $self->request('GET', shift, undef, @_) }
sub head    { my $self = shift; $self->request('HEAD', shift, undef, @_) }
sub delete  { my $self = shift; $self->request('DELETE', shift, undef, @_) }
sub options { my $self = shift; $self->request('OPTIONS', shift, undef, @_) }
sub post    { my $self = shift; $self->request('POST', @_) }
sub put     { my $self = shift; $self->request('PUT', @_) }


sub request {
    my ($self, $method, $path, $body, %headers) = @_;

    my %all = (Host => "$self->{host}:$self->{port}");
    $all{Authorization} = "Bearer $self->{bearer}" if defined $self->{bearer};

    if (defined $body) {
        if (ref $body) {
            $body = $json->encode($body);
            $all{'Content-Type'} = 'application/json';
        }

        $all{'Content-Length'} = length $body;
    }

    %all = (%all, %headers);
    my $lines = join '', map { "$_: $all{$_}\r\n" }
                grep { defined $all{$_} } sort keys %all;

    return $self->exchange($method, "$method $path HTTP/1.1\r\n$lines\r\n"
                           . ($body // ''));
}


# Sends the bytes of a whole request; a kept connection that the server has
# closed meanwhile is opened again, once.

sub exchange {
    my ($self, $method, $bytes) = @_;
    my $kept = defined $self->{socket};
    my $answer = $self->attempt($method, $bytes);

    if ($answer->{status} == 0 && $kept && $answer->{error} eq 'eof'
        && !$answer->{partial})
    {
        $answer = $self->attempt($method, $bytes);
    }

    return $answer;
}


sub attempt {
    my ($self, $method, $bytes) = @_;
    my $deadline = time + $self->{timeout};

    $self->open or return { status => 0, error => "connect: $@" };
    local $SIG{PIPE} = 'IGNORE';

    for (my $sent = 0; $sent < length $bytes; ) {
        my $n = syswrite $self->{socket}, $bytes, length $bytes, $sent;

        last if !defined $n && !$!{EAGAIN};
        $sent += $n // 0;

        if (!$n && !IO::Select->new($self->{socket})
                              ->can_write($deadline - time))
        {
            last;
        }
    }

    my $answer = $self->read_answer($method, $deadline);

    $self->drop if $answer->{status} == 0
                   || ($answer->{headers}{connection} // '') =~ /close/i;

    return $answer;
}


sub open {
    my ($self) = @_;
    return 1 if $self->{socket};

    my $socket = IO::Socket::INET->new(PeerAddr => $self->{host},
        PeerPort => $self->{port}, Timeout => $self->{timeout}) or return 0;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    if ($self->{tls}) {
        require IO::Socket::SSL;
        IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0,
                                   SSL_hostname => 'localhost') or return 0;
    }

    $socket->blocking(0);
    @{$self}{qw(socket in)} = ($socket, '');

    return 1;
}


sub drop {
    my ($self) = @_;
    my $socket = delete $self->{socket} or return;
    $socket->close;
}


sub fill {
    my ($self, $deadline) = @_;

    while (1) {
        my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
        return 1 if $n;

        my $again = !defined $n && ($!{EAGAIN} || $!{EINTR} || $self->{tls});
        my $left = $deadline - time;

        $self->{error} = $again ? 'timeout' : 'eof';
        return 0 if !$again || $left <= 0;
        IO::Select->new($self->{socket})->can_read($left);
    }
}


sub read_answer {
    my ($self, $method, $deadline) = @_;

    while ($self->{in} !~ /\r\n\r\n/) {
        $self->fill($deadline)
            or return { status => 0, error => $self->{error},
                        partial => length $self->{in} };
    }

    $self->{in} =~ s/^(.*?)\r\n\r\n//s;
    my ($line, @lines) = split /\r\n/, $1;
    my ($status) = $line =~ m{^HTTP/1\.[01] (\d+)};
    my $answer = { status => $status, line => $line, headers => {} };

    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
        my $old = $answer->{headers}{lc $name};
        $answer->{headers}{lc $name} = defined $old ? "$old, $value" : $value;
    }

    my $bare = $method eq 'HEAD' || $status == 204 || $status == 304;
    $answer->{body} = $bare ? '' : $self->read_body($answer, $deadline);
    $answer->{json} = eval { $json->decode($answer->{body}) };

    return $answer;
}


sub read_body {
    my ($self, $answer, $deadline) = @_;
    my $length = $answer->{headers}{'content-length'};

    if (($answer->{headers}{'transfer-encoding'} // '') =~ /chunked/i) {
        return $self->read_chunks($deadline);
    }

    while (!defined $length || length $self->{in} < $length) {
        $self->fill($deadline) or last;
    }

    return substr $self->{in}, 0, $length // length $self->{in}, '';
}


sub read_chunks {
    my ($self, $deadline) = @_;
    my $body = '';

    while (1) {
        if ($self->{in} =~ /^([0-9a-fA-F]+)[^\r\n]*\r\n/) {
            my ($head, $length) = ($+[0], hex $1);

            if (length $self->{in} >= $head + $length + 2) {
                $body .= substr $self->{in}, $head, $length;
                substr $self->{in}, 0, $head + $length + 2, '';
                return $body if $length == 0;
                next;
            }
        }

        $self->fill($deadline) or return $body;
    }
}


1;
