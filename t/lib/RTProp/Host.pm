package RTProp::Host;

# A machine of its own: a network namespace with three cables to the test's.
# Clients come by the front one; Redis is reached by the engine's, PostgreSQL by
# the store's.  Those can be cut: then packets vanish, and nobody is told.
#
#   RTProp::Host->alone;                # before anything is started
#   my $host = RTProp::Host->new;
#   my $nginx = rtprop_nginx($host->options);
#   $host->there('engine');             # its address at the test's end
#   $host->cut('engine', 'store'); $host->mend('engine');

use strict;
use warnings;

use Carp qw(croak);
use Test::More ();

use RTProp::Nginx;

my %net = (front => '10.77', engine => '10.78', store => '10.79');
my $count = 0;


# Runs the test once more in a network namespace of its own, which is gone with
# it, or skips it where that may not be made.

sub alone {
    if ($ENV{RTPROP_ALONE}) {
        run(qw(ip link set lo up));
        return;
    }

    system('unshare -n ip link add type veth > /dev/null 2>&1') == 0
        or Test::More::plan(skip_all =>
            'no network namespaces: they take root, and a kernel with veth');

    local $ENV{RTPROP_ALONE} = 1;
    exec 'unshare', '-n', $^X, (map { "-I$_" } @INC), $0;
}


sub run {
    my (@command) = @_;
    system(@command) == 0 or croak "@command: $?";
}


sub new {
    my ($class) = @_;
    my $n = ++$count;
    my $self = bless { n => $n, owner => $$ }, $class;

    # it lives as long as we hold the other end of its standard input

    $self->{pid} = open($self->{life}, '|-', 'unshare', '-n', 'cat')
        // croak "unshare: $!";
    RTProp::Nginx::wait_until($self, sub {
        my $its = readlink "/proc/$self->{pid}/ns/net";
        return $its && $its ne readlink "/proc/$$/ns/net";
    }) or croak 'no namespace';

    $self->inside(qw(ip link set lo up));

    for my $cable (sort keys %net) {
        run(qw(ip link add), "$cable$n", qw(type veth peer name), $cable,
            'netns', $self->{pid});
        run(qw(ip addr add), $self->there($cable) . '/24', 'dev', "$cable$n");
        $self->inside(qw(ip addr add), $self->here($cable) . '/24', 'dev',
                      $cable);
        $self->inside(qw(ip link set), $cable, 'up');
        $self->mend($cable);
    }

    return $self;
}


sub within {
    my ($self) = @_;
    return ('nsenter', '-t', $self->{pid}, '-n');
}


sub inside {
    my ($self, @command) = @_;
    run($self->within, @command);
}


# For rtprop_nginx().

sub options {
    my ($self) = @_;
    return (within => [$self->within], address => $self->here('front'));
}


sub there { "$net{$_[1]}.$_[0]{n}.1" }
sub here  { "$net{$_[1]}.$_[0]{n}.2" }


sub cut {
    my ($self, @cables) = @_;
    run(qw(ip link set), "$_$self->{n}", 'down') for @cables;
}


sub mend {
    my ($self, @cables) = @_;
    run(qw(ip link set), "$_$self->{n}", 'up') for @cables;
}


1;
