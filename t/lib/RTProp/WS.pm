package RTProp::WS;

# A WebSocket client for tests (RFC 6455): blocking, each wait has a deadline.
#
#   my $ws = RTProp::WS->connect(port => $port, path => '/ws', token => $jwt);
#   $ws->status;                        # 101, or why not; ->body, ->header
#   $ws->send_json('chat:join', { conversation_id => 'c1' }, 7);
#   my $event = $ws->wait_for('chat:joined', sub { $_[0]{id} == 7 });
#   $ws->no_event('chat:user_typing');
#   my ($code, $reason) = $ws->close(1000);
#
# What does not come in time is undef, with ->error "timeout" or "eof".

use strict;
use warnings;

use Carp qw(croak);
use Digest::SHA qw(sha1_base64);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

use constant {
    TIMEOUT => 5 * ($ENV{RTPROP_PATIENCE} || 1),
    CONT => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9, PONG => 10,
    GUID => '258EAFA5-E914-47DA-95CA-C5AB0DC85B11',
};

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


# Options: port, host, path, query (hash), token (goes into the query), tls,
# headers (hash or list of pairs, replacing the usual ones by name; undef drops
# one), protocols (list), method, http ("1.1"), early (bytes sent along with the
# handshake), auto_pong (true), timeout, accepted (called with the socket until
# it is true: other connections are made instead).

sub connect {
    my ($class, %opt) = @_;

    my $self = bless {
        host => '127.0.0.1', path => '/', auto_pong => 1, timeout => TIMEOUT,
        %opt, in => '', events => [], error => '',
    }, $class;

    $self->open_socket;
    $self->send_handshake;
    $self->read_handshake;

    return $self;
}


sub open_socket {
    my ($self) = @_;
    my $socket;

    for my $try (1 .. 200) {
        $socket = IO::Socket::INET->new(
            PeerAddr => $self->{host}, PeerPort => $self->{port},
            Timeout => $self->{timeout},
            $self->{rcvbuf} ? (Sockopts => [[Socket::SO_RCVBUF(),
                                             $self->{rcvbuf}]]) : (),
        ) or croak "connect to $self->{host}:$self->{port}: $@";

        last if !$self->{accepted} || $self->{accepted}->($socket);
    }

    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    if ($self->{tls}) {
        require IO::Socket::SSL;
        IO::Socket::SSL->start_SSL($socket,
            SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(),
            SSL_hostname => 'localhost')
            or croak "TLS: $IO::Socket::SSL::SSL_ERROR";
    }

    $socket->blocking(0);
    $self->{socket} = $socket;
}


sub target {
    my ($self) = @_;

    my %query = %{$self->{query} || {}};
    $query{token} = $self->{token} if defined $self->{token};

    my $query = join '&', map { "$_=" . uri_escape($query{$_}) }
                sort keys %query;

    return $self->{path} if $query eq '';
    return $self->{path} . ($self->{path} =~ /\?/ ? '&' : '?') . $query;
}


sub uri_escape {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}


sub send_handshake {
    my ($self) = @_;

    $self->{key} //= encode_base64(join('', map { chr int rand 256 } 1 .. 16),
                                   '');

    my @headers = (
        ['Host', "$self->{host}:$self->{port}"],
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Key', $self->{key}],
        ['Sec-WebSocket-Version', 13],
    );

    push @headers, ['Sec-WebSocket-Protocol', join ', ', @{$self->{protocols}}]
        if $self->{protocols};

    my @more = ref $self->{headers} eq 'HASH' ? %{$self->{headers}}
             : @{$self->{headers} || []};
    my %replaced;

    for (my $i = 0; $i < @more; $i += 2) {
        my $name = lc $more[$i];
        @headers = grep { lc $_->[0] ne $name } @headers
            if !$replaced{$name}++;
        push @headers, [$more[$i], $more[$i + 1]] if defined $more[$i + 1];
    }

    my $method = $self->{method} || 'GET';
    my $http = $self->{http} || '1.1';

    $self->send_raw(join("\r\n", "$method " . $self->target . " HTTP/$http",
                         map({ "$_->[0]: $_->[1]" } @headers), '', '')
                    . ($self->{early} // ''));
}


sub read_handshake {
    my ($self) = @_;
    my $deadline = time + $self->{timeout};

    while ($self->{in} !~ /\r\n\r\n/) {
        if (!$self->fill($deadline)) {
            $self->{status} = 0;
            return;
        }
    }

    $self->{in} =~ s/^(.*?)\r\n\r\n//s;
    my ($line, @lines) = split /\r\n/, $1;

    ($self->{status}) = $line =~ m{^HTTP/1\.[01] (\d+)};
    $self->{answer} = {};

    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
        push @{$self->{answer}{lc $name}}, $value;
    }

    return $self->read_body($deadline) if $self->{status} != 101;

    my $accept = sha1_base64($self->{key} . GUID) . '=';
    $self->{accept_ok} = ($self->header('Sec-WebSocket-Accept') // '')
                         eq $accept;
}


sub read_body {
    my ($self, $deadline) = @_;
    my $length = $self->header('Content-Length');

    while (!defined $length || length $self->{in} < $length) {
        $self->fill($deadline) or last;
    }

    $self->{body} = $self->{in};
    $self->{in} = '';
}


sub status     { $_[0]{status} }
sub body       { $_[0]{body} // '' }
sub error      { $_[0]{error} }
sub accept_ok  { $_[0]{accept_ok} }
sub socket     { $_[0]{socket} }
sub events     { @{$_[0]{events}} }
sub clear      { $_[0]{events} = [] }
sub headers_of { @{$_[0]{answer}{lc $_[1]} || []} }
sub header     { my @all = headers_of(@_); $all[0] }

sub body_json {
    my ($self) = @_;
    return eval { $json->decode($self->body) };
}


# Reads some bytes; false at the deadline or at the end of the connection.

sub fill {
    my ($self, $deadline) = @_;
    my $socket = $self->{socket};

    if (!$socket) {
        $self->{error} = 'eof';
        return 0;
    }

    while (1) {
        my $n = sysread $socket, $self->{in}, 65536, length $self->{in};

        return 1 if $n;

        if (defined $n || !($!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR})) {
            # a TLS record that is not whole yet reads as undef, too
            if (defined $n || !$self->{tls} || !tls_again()) {
                $self->{error} = 'eof';
                $self->{reset} = 1 if !defined $n;
                return 0;
            }
        }

        my $left = $deadline - time;

        if ($left <= 0 || !IO::Select->new($socket)->can_read($left)) {
            $self->{error} = 'timeout';
            return 0;
        }
    }
}


sub tls_again {
    return $IO::Socket::SSL::SSL_ERROR
           == IO::Socket::SSL::SSL_WANT_READ()
           || $IO::Socket::SSL::SSL_ERROR == IO::Socket::SSL::SSL_WANT_WRITE();
}


# Sends bytes as they are; "cuts" are the lengths of pieces sent one by one (the
# last one repeats), so that the server sees frames in several reads.

sub send_raw {
    my ($self, $bytes, %opt) = @_;
    my @cuts = @{$opt{cuts} || []};
    my $offset = 0;

    while ($offset < length $bytes) {
        my $length = @cuts ? (@cuts > 1 ? shift @cuts : $cuts[0])
                   : length($bytes) - $offset;
        my $piece = substr $bytes, $offset, $length;

        $self->write_all($piece, $opt{timeout}) or return 0;
        $offset += length $piece;
    }

    return 1;
}


sub write_all {
    my ($self, $bytes, $timeout) = @_;
    my $socket = $self->{socket} or return 0;
    my $deadline = time + ($timeout // $self->{timeout});
    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $socket, $bytes;

        if ($n) {
            substr $bytes, 0, $n, '';
            next;
        }

        if (!defined $n && !$!{EAGAIN} && !$!{EINTR}
            && !($self->{tls} && tls_again()))
        {
            $self->{error} = 'eof';
            return 0;
        }

        my $left = $deadline - time;

        if ($left <= 0 || !IO::Select->new($socket)->can_write($left)) {
            $self->{error} = 'timeout';
            return 0;
        }
    }

    return 1;
}


# One frame; options fin (1), rsv (0 to 7), mask (a random key; 0 for none; or
# four octets), bits (7, 16 or 64: width of the length), length (a wrong one).

sub frame {
    my ($class, $opcode, $payload, %opt) = @_;

    utf8::encode($payload) if utf8::is_utf8($payload);

    my $mask = $opt{mask} // join '', map { chr int rand 256 } 1 .. 4;
    my $masked = $mask ne '0';
    my $length = $opt{length} // length $payload;
    my $bits = $opt{bits} // ($length < 126 ? 7 : $length < 65536 ? 16 : 64);

    my $head = chr((($opt{fin} // 1) << 7) | (($opt{rsv} // 0) << 4) | $opcode);
    my $flag = $masked ? 0x80 : 0;

    $head .= $bits == 7  ? chr($flag | $length)
           : $bits == 16 ? chr($flag | 126) . pack('n', $length)
           :               chr($flag | 127) . pack('Q>', $length);

    return $head . $payload if !$masked;

    my $key = $mask x (1 + length($payload) / 4);
    return $head . $mask . ($payload ^ substr $key, 0, length $payload);
}


sub send_frame {
    my ($self, $opcode, $payload, %opt) = @_;
    return $self->send_raw($self->frame($opcode, $payload, %opt), %opt);
}


sub send_text   { $_[0]->send_frame(TEXT, @_[1 .. $#_]) }
sub send_binary { $_[0]->send_frame(BINARY, @_[1 .. $#_]) }
sub send_ping   { $_[0]->send_frame(PING, $_[1] // '') }


sub send_json {
    my ($self, $type, $payload, $id) = @_;

    return $self->send_text($json->encode({
        type => $type,
        defined $payload ? (payload => $payload) : (),
        defined $id ? (id => $id) : (),
    }));
}


# One frame {fin, rsv, opcode, masked, payload}, whatever it is.

sub recv_frame {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout // $self->{timeout});

    $self->{error} = '';

    while (1) {
        my $frame = $self->parse_frame;
        return $frame if $frame;
        $self->fill($deadline) or return;
    }
}


sub parse_frame {
    my ($self) = @_;
    my $in = \$self->{in};

    return if length $$in < 2;

    my ($b0, $b1) = unpack 'CC', $$in;
    my ($length, $at) = ($b1 & 0x7f, 2);

    if ($length == 126) {
        return if length $$in < 4;
        ($length, $at) = (unpack('x2n', $$in), 4);

    } elsif ($length == 127) {
        return if length $$in < 10;
        ($length, $at) = (unpack('x2Q>', $$in), 10);
    }

    my $masked = $b1 >> 7;
    $at += 4 if $masked;

    return if length $$in < $at + $length;

    my $payload = substr $$in, $at, $length;

    if ($masked) {
        my $key = substr($$in, $at - 4, 4) x (1 + $length / 4);
        $payload ^= substr $key, 0, $length;
    }

    my $frame = {
        fin => $b0 >> 7, rsv => ($b0 >> 4) & 7, opcode => $b0 & 15,
        masked => $masked, payload => $payload,
    };

    substr $$in, 0, $at + $length, '';

    if ($frame->{opcode} == CLOSE) {
        my ($code, $reason) = $length > 1 ? unpack 'na*', $frame->{payload}
                            : ();
        @{$self}{qw(close_code close_reason)} = ($code // 1005, $reason // '');
    }

    return $frame;
}


# One whole message {opcode, payload}; pings are answered, pongs kept for
# fence(), a close frame is returned.

sub recv_message {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout // $self->{timeout});
    my $message;

    while (1) {
        my $frame = $self->recv_frame($deadline - time) or return;
        my $opcode = $frame->{opcode};

        if ($opcode == PING) {
            $self->send_frame(PONG, $frame->{payload}) if $self->{auto_pong};

        } elsif ($opcode == PONG) {
            $self->{pong} = $frame->{payload};
            return $frame if $self->{fencing};

        } elsif ($opcode == CLOSE) {
            return $frame;

        } else {
            $message ||= { opcode => $opcode, payload => '' };
            $message->{payload} .= $frame->{payload};
            return $message if $frame->{fin};
        }
    }
}


# Reads one event into the buffer; false at the deadline, end, or close frame.

sub read_event {
    my ($self, $timeout) = @_;
    my $message = $self->recv_message($timeout) or return 0;

    if ($message->{opcode} == CLOSE) {
        $self->{error} = "closed $self->{close_code}";
        return 0;
    }

    return 1 if $message->{opcode} == PONG;

    my $event = eval { $json->decode($message->{payload}) };
    $event = { type => '(not JSON)', payload => $message->{payload} }
        if ref $event ne 'HASH';

    push @{$self->{events}}, $event;

    return 1;
}


# The next event, in order of arrival.

sub recv_json {
    my ($self, $timeout) = @_;

    if (!@{$self->{events}}) {
        $self->read_event($timeout // $self->{timeout}) or return;
    }

    return shift @{$self->{events}};
}


# The next event of this type (a string or a pattern) for which $condition->(
# $event) is true; all others stay buffered, in order.

sub wait_for {
    my ($self, $type, $condition, $timeout) = @_;
    my $deadline = time + ($timeout // $self->{timeout});
    my $i = 0;

    while (1) {
        for (; $i < @{$self->{events}}; $i++) {
            my $event = $self->{events}[$i];

            if (matches($event, $type, $condition)) {
                splice @{$self->{events}}, $i, 1;
                return $event;
            }
        }

        $self->read_event($deadline - time) or last;
    }

    my $seen = join ', ', map { $_->{type} // '?' } @{$self->{events}};
    print "# no event $type ($self->{error}); buffered: $seen\n";

    return;
}


sub matches {
    my ($event, $type, $condition) = @_;
    my $name = $event->{type} // '';

    return 0 if ref $type ? $name !~ $type : $name ne $type;
    return !$condition || $condition->($event);
}


# Reads until the server has answered a ping sent now; what it had sent before
# is then buffered.

sub fence {
    my ($self) = @_;
    my $mark = 'fence ' . ++$self->{fences};
    my $deadline = time + $self->{timeout};
    local $self->{fencing} = 1;

    $self->send_ping($mark) or return 0;

    while (($self->{pong} // '') ne $mark) {
        $self->read_event($deadline - time) or return 0;
    }

    return 1;
}


# True if no such event came before a fence: a ping's answer, or, with "until"
# (a type) and "until_cond", an event that comes after it if it comes at all.

sub no_event {
    my ($self, $type, %opt) = @_;

    my $passed = $opt{until} ? $self->wait_for($opt{until}, $opt{until_cond})
               : $self->fence;

    if (!$passed) {
        print "# no fence: $self->{error}\n";
        return 0;
    }

    my ($found) = grep { matches($_, $type, $opt{cond}) } @{$self->{events}};
    print '# unwanted: ' . $json->encode($found) . "\n" if $found;

    return !$found;
}


# Waits for the server's close frame: (code, reason); code 1006 when the
# connection ended without one, nothing at the deadline.

sub wait_close {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout // $self->{timeout});

    while (!defined $self->{close_code}) {
        $self->read_event($deadline - time) and next;
        return (1006, '') if $self->{error} eq 'eof';
        last if $self->{error} eq 'timeout';
    }

    return if !defined $self->{close_code};
    return ($self->{close_code}, $self->{close_reason});
}


# True if the server ends the TCP connection in time.

sub wait_eof {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout // $self->{timeout});

    1 while $self->fill($deadline);

    return $self->{error} eq 'eof';
}


# The close handshake from our side; returns the server's (code, reason).

sub close {
    my ($self, $code, $reason) = @_;

    $self->send_frame(CLOSE, pack 'na*', $code // 1000, $reason // '');
    my @answer = $self->wait_close;
    $self->wait_eof;
    $self->drop;

    return @answer;
}


# Ends the TCP connection without a word.

sub drop {
    my ($self) = @_;
    my $socket = delete $self->{socket} or return;

    $self->{tls} ? $socket->close(SSL_no_shutdown => 1) : CORE::close($socket);
}


1;
