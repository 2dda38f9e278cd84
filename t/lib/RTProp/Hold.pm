package RTProp::Hold;

# A relay between clients and a server on a unix socket that can hold back what
# clients send.
#
#   my $hold = RTProp::Hold->new(to => $redis->socket);
#   $hold->socket                  # where clients connect
#   $hold->hold(qr/SELECT 1/);     # of the connections there are, from now on;
#                                  # returns once that was held back
#   $hold->catch(qr/SELECT 1/);    # of any connection, from where that is sent
#   $hold->caught;                 # returns once it was
#   $hold->release;                # it arrives, whether its sender lives or not

use strict;
use warnings;

use Carp qw(croak);
use File::Temp;
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);

use constant PATIENCE => 10 * ($ENV{RTPROP_PATIENCE} || 1);


sub new {
    my ($class, %opt) = @_;
    my $self = bless { dir => File::Temp->newdir('hold-XXXXXX', TMPDIR => 1),
                       owner => $$, %opt }, $class;

    chmod 0755, "$self->{dir}";

    my $listen = IO::Socket::UNIX->new(Local => $self->socket, Listen => 128)
        or croak "no socket: $!";
    chmod 0777, $self->socket;

    socketpair($self->{control}, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC)
        or croak "no socketpair: $!";

    $self->{pid} = fork // croak "no fork: $!";

    if (!$self->{pid}) {
        close $self->{control};
        relay($listen, $other, $self->{to});
        POSIX::_exit(0);
    }

    return $self;
}


sub socket { "$_[0]{dir}/socket" }


sub hold {
    my ($self, $pattern) = @_;
    return $self->ask("hold $pattern");
}


sub release { $_[0]->ask('release') }


sub catch {
    my ($self, $pattern) = @_;
    syswrite $self->{control}, "catch $pattern\n";
}


sub caught { $_[0]->answer('caught') }


sub ask {
    my ($self, $line) = @_;

    syswrite $self->{control}, "$line\n";
    return $self->answer($line);
}


sub answer {
    my ($self, $line) = @_;

    IO::Select->new($self->{control})->can_read(PATIENCE)
        or croak "$line: not in time";
    return sysread $self->{control}, my $answer, 64;
}


# The relay's process.  A connection is two ends; the one of the client has
# what is held back, or undef.

sub relay {
    my ($listen, $control, $to) = @_;
    my $select = IO::Select->new($listen, $control);
    my (%other, %held, $pattern, $catch);

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        for my $from ($select->can_read) {

            if ($from == $listen) {
                my $client = $listen->accept or next;
                my $server = IO::Socket::UNIX->new(Peer => $to);
                next if !$server;
                @other{$client, $server} = ($server, $client);
                $held{$client} = undef;
                $select->add($client, $server);
                next;
            }

            my $n = sysread $from, my $data, 65536;

            if ($from == $control) {
                return if !$n;

                if ($data =~ /^catch (.*)/) {
                    $catch = qr/$1/;
                } elsif ($data =~ /^hold (.*)/) {
                    $pattern = qr/$1/;
                    $_ //= '' for values %held;
                    seen($control, \$pattern, $_) for values %held;
                } else {
                    for my $client (grep { length($held{$_} // '') }
                                    keys %held) {
                        syswrite $other{$client}, $held{$client};
                    }
                    $_ = undef for values %held;
                    syswrite $control, "released\n";
                }
                next;
            }

            if (defined $held{$from}) {
                $select->remove($from) if !$n;
                $held{$from} .= $data if $n;

                seen($control, \$pattern, $held{$from});

            } elsif ($n && $catch && exists $held{$from}
                     && $data =~ $catch)
            {
                $held{$from} = $data;
                seen($control, \$catch, $data);

            } elsif ($n) {
                syswrite $other{$from}, $data;

            } else {
                $select->remove($from, $other{$from});
                shutdown $other{$from}, 2;
            }
        }
    }
}


sub seen {
    my ($control, $pattern, $data) = @_;

    if ($$pattern && $data =~ $$pattern) {
        undef $$pattern;
        syswrite $control, "held\n";
    }
}


sub DESTROY {
    my ($self) = @_;
    local ($@, $?, $!);
    return if $self->{owner} != $$ || !$self->{pid};
    close $self->{control};
    waitpid $self->{pid}, 0;
}


1;
