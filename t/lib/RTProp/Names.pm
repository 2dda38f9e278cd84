package RTProp::Names;

# A name server of a test's own: it knows names by one address or several, or
# that there is none, and is silent about all others.
#
#   my $names = RTProp::Names->new;
#   $names->set('db.test' => '127.0.0.1 127.0.0.2');   # or 'none', 'silent'
#   $names->resolver                    # nginx's directive

use strict;
use warnings;

use File::Temp;
use IO::Socket::INET;

use RTProp::Beside;
use RTProp::Nginx;


sub new {
    my ($class) = @_;
    my $self = bless {
        dir => File::Temp->newdir('names-XXXXXX', TMPDIR => 1),
        socket => IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                        Proto => 'udp') || die $@,
    }, $class;

    # what the process beside has of it must not end with it
    my ($dir, $socket) = ("$self->{dir}", $self->{socket});
    $self->{server} = RTProp::Beside->start(sub { serve($dir, $socket) });

    return $self;
}


sub resolver {
    my ($self) = @_;
    return 'resolver 127.0.0.1:' . $self->{socket}->sockport
           . ' valid=1s ipv6=off;';
}


sub set {
    my ($self, $name, $text) = @_;
    my $dir = $self->{dir};

    open my $fh, '>', "$dir/new" or die $!;
    print {$fh} $text;
    close $fh;
    rename "$dir/new", "$dir/$name" or die $!;
}


sub serve {
    my ($dir, $socket) = @_;

    while (defined(my $peer = $socket->recv(my $packet, 512))) {
        my ($id) = unpack 'n', $packet;
        my $question = substr $packet, 12;
        my @labels = unpack '(C/a)*', substr $question, 0, -4;
        my $name = join '.', grep { length } @labels;
        my $text = RTProp::Nginx::slurp("$dir/$name");
        my @addresses = split ' ', $text;

        next if !length $text;
        next if $text eq 'silent';
        @addresses = () if $text eq 'none';

        my $answers = join '', map {
            pack 'nnnNn/a', 0xc00c, 1, 1, 1, pack 'C4', split /\./;
        } @addresses;
        $socket->send(pack('n6', $id, @addresses ? 0x8180 : 0x8183, 1,
                           scalar @addresses, 0, 0) . $question . $answers, 0,
                      $peer);
    }
}


1;
