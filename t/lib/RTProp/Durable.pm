package RTProp::Durable;

# A database for each nginx of a test, when RTPROP_TEST_STORE is set: "1"
# starts a private PostgreSQL for this process; else it is the conninfo of one
# that RTProp::Durable->serve has prepared, which many processes share.
#
#   RTProp::Durable->directives         # of a new database, empty when unset
#   RTProp::Durable->directives($name)  # of the one that has this name here
#   RTProp::Durable->serve              # a RTProp::Postgres to be shared
#   $pg->conninfo of it                 # for RTPROP_TEST_STORE

use strict;
use warnings;

use RTProp::Postgres;

use constant TEMPLATE => 'rtprop_template';

my ($own, $count, %named);


sub serve {
    my ($class, %opt) = @_;

    my $pg = RTProp::Postgres->new(conf => "max_connections = 300\n", %opt);
    $pg->start;
    $pg->sql('CREATE DATABASE ' . TEMPLATE);
    $pg->migrate(dbname => TEMPLATE);

    return $pg;
}


sub directives {
    my ($class, $known) = @_;
    my $conninfo = $ENV{RTPROP_TEST_STORE} or return '';

    return $named{$known} if defined $known && $named{$known};

    if ($conninfo eq '1') {
        $own ||= $class->serve;
        $conninfo = $own->conninfo;
    }

    my $name = "rtprop_${$}_" . ++$count;
    my $program = RTProp::Postgres->binary('psql');
    system($program, '-XAtqw', '-d', $conninfo, '-c',
           "CREATE DATABASE $name TEMPLATE " . TEMPLATE) == 0
        or die "no database: $?";

    $conninfo =~ s/\bdbname=\S+/dbname=$name/;

    my $directive = qq{rtprop_postgres "$conninfo";};
    $named{$known} = $directive if defined $known;

    return $directive;
}


1;
