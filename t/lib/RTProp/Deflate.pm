package RTProp::Deflate;

# permessage-deflate on a test's connection (RFC 7692), by zlib; it keeps to
# what the server has answered, and no context is taken over.
#
#   my $ws = RTProp::WS->connect(…, headers => [offer('permessage-deflate')]);
#   my $pmd = RTProp::Deflate->new($ws);      # undef if it was not agreed on
#   $pmd->send(1, 'text', fragment => 256);
#   my $message = $pmd->recv;                 # {opcode, payload, packed}

use strict;
use warnings;

use Compress::Raw::Zlib qw(Z_OK Z_BUF_ERROR Z_SYNC_FLUSH Z_DEFAULT_STRATEGY);
use Exporter qw(import);

our @EXPORT = qw(offer pack_message unpack_message);

use constant TAIL => "\x00\x00\xff\xff";


sub offer { map { ('Sec-WebSocket-Extensions' => $_) } @_ }


sub new {
    my ($class, $ws) = @_;
    my $answer = $ws->header('Sec-WebSocket-Extensions') or return;
    my %bits = $answer =~ /(client|server)_max_window_bits=(\d+)/g;

    return bless { ws => $ws, in => $bits{server} // 15,
                   out => $bits{client} // 15 }, $class;
}


# One message without its tail.  zlib has no window of 8 bits for this.

sub pack_message {
    my ($plain, %opt) = @_;
    my $bits = $opt{bits} // 15;
    my $packed = '';

    $bits = 9 if $bits < 9;

    my ($d) = Compress::Raw::Zlib::Deflate->new(
        -WindowBits => -$bits, -Level => $opt{level} // 6, -AppendOutput => 1,
        -MemLevel => 8, -Strategy => Z_DEFAULT_STRATEGY, -Bufsize => 65536);

    $d->deflate(my $input = $plain, $packed) == Z_OK or die 'deflate';
    $d->flush($packed, Z_SYNC_FLUSH) == Z_OK or die 'flush';

    return substr $packed, 0, -4;
}


# undef: damaged.  Output comes in small parts, for only between them zlib keeps
# to its window.

sub unpack_message {
    my ($packed, $bits) = @_;
    my $plain = '';

    my ($i) = Compress::Raw::Zlib::Inflate->new(
        -WindowBits => -($bits // 15), -AppendOutput => 1,
        -Bufsize => ($bits // 15) < 15 ? 64 : 65536);

    my $status = $i->inflate(my $input = $packed . TAIL, $plain);

    return $plain if $status == Z_OK || $status == Z_BUF_ERROR;
    return;
}


# Options: fragment (octets of the packed message in a frame), plain (as it is),
# and those of RTProp::WS's send_raw.

sub send {
    my ($self, $opcode, $plain, %opt) = @_;

    utf8::encode($plain) if utf8::is_utf8($plain);

    my $packed = $opt{packed}
                 // pack_message($plain, bits => $self->{out}, %opt);
    my $size = $opt{fragment} || length $packed;
    my @parts = $size ? unpack "(a$size)*", $packed : ('');
    my $bytes = '';

    for my $i (0 .. $#parts) {
        $bytes .= RTProp::WS->frame($i ? 0 : $opcode, $parts[$i],
                                    fin => $i == $#parts ? 1 : 0,
                                    rsv => $i ? 0 : 4);
    }

    return $self->{ws}->send_raw($bytes, %opt);
}


# The next data frame; undef at a close frame, at the end, or if it is damaged.

sub recv {
    my ($self, $timeout) = @_;

    while (1) {
        my $frame = $self->{ws}->recv_frame($timeout) or return;

        next if $frame->{opcode} == 9 || $frame->{opcode} == 10;
        return if $frame->{opcode} == 8 || !$frame->{fin} || $frame->{rsv} & 3;
        return { %$frame, packed => 0 } if !$frame->{rsv};

        my $plain = unpack_message($frame->{payload}, $self->{in}) // return;

        return { %$frame, payload => $plain, packed => 1,
                 length => length $frame->{payload} };
    }
}


1;
