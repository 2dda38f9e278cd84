package RTProp::Gate;

# A gate in front of the engine of an nginx (t/lib/gate): operations fail or are
# held as the test says, and are listed.
#
#   my $gate = RTProp::Gate->new;
#   my $nginx = rtprop_nginx($gate->options, workers => 1);
#   $gate->set(schedule => 'fp', 'auction:a1');   # the first fails
#   $gate->clear('schedule');
#   $gate->ask('auction:a1', 1000);               # a job is to be scheduled
#   $gate->lines(qr/ schedule auction:a1 /);      # "PID OPERATION KEY … SAID"

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;

use RTProp::Nginx;

my $here = dirname(abs_path(__FILE__));
my $built;


sub module {
    my $build = dirname(RTProp::Nginx::module());

    if (!$built) {
        $built = File::Temp->newdir('gate-XXXXXX', TMPDIR => 1);
        chmod 0755, "$built";
        system("$here/../gate/build.sh", $build, "$built/gate.so") == 0
            or croak 'the gate was not built';
    }

    return "$built/gate.so";
}


sub new {
    my ($class) = @_;
    my $self = bless { dir => File::Temp->newdir('gate-XXXXXX', TMPDIR => 1) },
                     $class;

    chmod 0777, "$self->{dir}";
    return $self;
}


# For rtprop_nginx(); $prefix is other text at the http level.

sub options {
    my ($self, $prefix) = @_;

    return (main => 'load_module ' . module() . ';',
            prefix => "gate $self->{dir};\n" . ($prefix // ''));
}


sub write {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/$name";

    open my $fh, '>', "$path.new" or croak "$path: $!";
    print {$fh} "$text\n";
    close $fh;
    rename "$path.new", $path or croak "$path: $!";
}


sub set {
    my ($self, $operation, $verdicts, $key) = @_;
    $self->write($operation, defined $key ? "$verdicts $key" : $verdicts);
}


sub clear {
    my ($self, $operation) = @_;
    unlink "$self->{dir}/$operation";
}


# Pairs of key and time; returns when a worker has taken them.

sub ask {
    my ($self, @jobs) = @_;
    my $text = '';

    while (my ($key, $due) = splice @jobs, 0, 2) {
        my $count = $key =~ s/^(\d+) // ? $1 : 1;
        $text .= "$count $key $due\n";
    }

    chomp $text;
    $self->write(ask => $text);
    RTProp::Nginx::wait_until($self, sub { !-e "$self->{dir}/ask" })
        or croak 'nobody takes jobs';
}


sub lines {
    my ($self, $pattern) = @_;
    return grep { /$pattern/ } split /\n/,
           RTProp::Nginx::slurp("$self->{dir}/log");
}


# Waits until there are so many (1) of them; false: there are not.

sub wait_lines {
    my ($self, $pattern, $count) = @_;

    return RTProp::Nginx::wait_until($self, sub {
        return $self->lines($pattern) >= ($count // 1);
    });
}


1;
