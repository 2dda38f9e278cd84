package Store;

# nginx with the store's works over HTTP (t/store/module) and a PostgreSQL.
#
#   my $store = Store->start(options => 'timeout=1s');
#   $store->call('/put?id=1&value=x'), $store->sql('…')

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;

use RTProp::HTTP;
use RTProp::Nginx;
use RTProp::Postgres;

my $here = dirname(abs_path(__FILE__));
my $dir = File::Temp->newdir('probe-XXXXXX', TMPDIR => 1);

use constant SCHEMA => <<'END';
CREATE SCHEMA probe;
CREATE TABLE probe.item (id bigint, value text, retried boolean);
CREATE INDEX ON probe.item (id);
CREATE TABLE probe.late (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION probe.put(i bigint, v text, r boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT r OR NOT EXISTS (SELECT FROM probe.item WHERE id = i) THEN
        INSERT INTO probe.item VALUES (i, v, r);
    END IF;
    RETURN i;
END $$;
CREATE FUNCTION probe.sleep(ms bigint) RETURNS void LANGUAGE sql AS
    'SELECT pg_sleep(ms / 1000.0)';
CREATE FUNCTION probe.fail(id bigint) RETURNS void LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''no %'', id USING ERRCODE = ''RT001''; END';
END


sub module {
    my $so = "$dir/probe.so";
    my $build = dirname(RTProp::Nginx::module());

    chmod 0755, "$dir";
    system("$here/module/build.sh", $build, $so) == 0
        or croak 'the test module was not built' if !-e $so;

    return $so;
}


# Options: pg (a RTProp::Postgres that runs; else one is made, with migrations
# and the tables of the probe), conninfo, options (of rtprop_postgres), http,
# workers (1), allow.

sub start {
    my ($class, %opt) = @_;
    my $self = bless { workers => 1, options => '', http => '', %opt },
                     $class;

    if (!$self->{pg}) {
        $self->{pg} = RTProp::Postgres->new(%{$self->{postgres} || {}});
        $self->{pg}->start;
        $self->{pg}->migrate;
        $self->{pg}->sql(SCHEMA);
    }

    my $conninfo = $self->{conninfo} // $self->{pg}->conninfo;

    $self->{nginx} = RTProp::Nginx->new(workers => $self->{workers},
        main => 'load_module ' . module() . ';',
        http => "rtprop_postgres \"$conninfo\" $self->{options};\n"
                . $self->{http},
        server => 'location / { probe; }
            location /health { rtprop health; }
            location /metrics { rtprop metrics; }',
        files => $self->{files} || {}, allow => [qr/PostgreSQL|query "/]);
    $self->{nginx}->start;
    $self->{client} = RTProp::HTTP->new(port => $self->{nginx}->port,
                                        timeout => 60);

    return $self;
}


sub nginx { $_[0]{nginx} }
sub pg    { $_[0]{pg} }
sub sql   { my $self = shift; $self->{pg}->sql(@_) }


sub call {
    my ($self, $uri) = @_;
    return $self->{client}->get($uri)->{body} // '';
}


sub status {
    my ($self) = @_;
    my ($status) = $self->call('/status') =~ /^status=(.*)$/m;
    return $status;
}


sub wait_status {
    my ($self, $pattern, $timeout) = @_;
    my $status;

    $self->{nginx}->wait_until(sub {
        $status = $self->status // '';
        return $status =~ $pattern;
    }, $timeout // 60);

    return $status;
}


sub metric {
    my ($self, $name) = @_;
    my ($value) = $self->call('/metrics') =~ /^\Q$name\E (\S+)$/m;
    return $value;
}


# Starts a request without waiting for its answer.

sub later {
    my ($self, $uri) = @_;
    my $socket = IO::Socket::INET->new(PeerPort => $self->{nginx}->port,
                                       PeerAddr => '127.0.0.1')
        or croak "no connection: $!";

    print {$socket} "GET $uri HTTP/1.0\r\n\r\n";
    $socket->flush;

    return $socket;
}


sub answer {
    my ($self, $socket) = @_;
    local $/;
    return (<$socket> // '') =~ s/\A.*?\r\n\r\n//sr;
}


sub stop {
    my ($self) = @_;
    $self->{nginx}->stop;
    return $self->{nginx}->bad_lines;
}


1;
