package RTProp::Beside;

# A server of a test's own, in a process beside it that ends with it.
#
#   my $server = RTProp::Beside->start(sub { ... });

use strict;
use warnings;

use POSIX ();


sub start {
    my ($class, $serve) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        $serve->();
        POSIX::_exit(0);
    }

    return bless { pid => $pid, owner => $$ }, $class;
}


sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;

    local $?;
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
}


1;
