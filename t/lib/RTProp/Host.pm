package RTProp::Host;

# A machine of its own: a network namespace with two cables to the test's.
# Clients come by the front one; Redis and PostgreSQL, at the test's, are
# reached by the back one, which can be cut: then packets vanish, and nobody is
# told.
#
#   RTProp::Host->alone;                # before anything is started
#   my $host = RTProp::Host->new;
#   my $nginx = rtprop_nginx($host->options);
#   $host->services;                    # the address of Redis and PostgreSQL
#   $host->cut; $host->mend;

use strict;
use warnings;

use Carp qw(croak);
use Test::More ();

use RTProp::Nginx;

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

    run(qw(ip link add), "front$n", qw(type veth peer name front netns),
        $self->{pid});
    run(qw(ip link add), "back$n", qw(type veth peer name back netns),
        $self->{pid});
    run(qw(ip addr add), "10.77.$n.1/24", 'dev', "front$n");
    run(qw(ip addr add), "10.78.$n.1/24", 'dev', "back$n");
    $self->inside(qw(ip addr add), "10.77.$n.2/24", qw(dev front));
    $self->inside(qw(ip addr add), "10.78.$n.2/24", qw(dev back));
    $self->inside(qw(ip link set), $_, 'up') for qw(lo front back);
    run(qw(ip link set), "front$n", 'up');
    $self->mend;

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
    return (within => [$self->within], address => "10.77.$self->{n}.2");
}


sub services { "10.78.$_[0]{n}.1" }
sub cut      { run(qw(ip link set), "back$_[0]{n}", 'down') }
sub mend     { run(qw(ip link set), "back$_[0]{n}", 'up') }


1;
