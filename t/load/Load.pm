package Load;

# Runs of build/rtprop-load against a private nginx.
#
#   my $load = Load->new($program, workers => 1, clients => 1000);
#   my $result = $load->run('--clients', 100, …);    # the JSON object, decoded
#   $load->stop;
#
# Options of new(): workers, clients, main, http and location (configuration
# text), tls (true: the runs use wss://, any certificate will do), drain
# ("60s"), listen (a port that several nginx share: the kernel spreads the
# connections over their workers).
#
# Each client is its own user ("u" and its number), rates are off.  rooms()
# makes the conversations that "--kind chat" joins, auction() the auction load0
# for "--kind auction".

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use RTProp::HTTP;
use RTProp::Nginx;


sub new {
    my ($class, $program, %opt) = @_;
    my $workers = $opt{workers} // 1;
    my $connections = int(($opt{clients} // 100) * 1.1) + 200;
    my $user = $> == 0 ? 'user nobody nogroup;' : '';
    my $temp = join "\n    ", map { "${_}_temp_path \@PREFIX\@/tmp_$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my $main = $opt{main} // '';
    my $location = $opt{location} // '';
    my $http = $opt{http} // '';
    my $listen = $opt{listen} ? "listen 127.0.0.1:$opt{listen} reuseport;" : '';
    my $drain = $opt{drain} ? "rtprop_drain $opt{drain};" : '';
    my $tls = $opt{tls} ? <<'END' : '';
listen 127.0.0.1:@TLS_PORT@ ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key cert.key;
END

    my $self = bless { program => $program, tls => $opt{tls} },
                     $class;

    $self->{nginx} = RTProp::Nginx->new(workers => $workers, tls => $opt{tls},
                                        full => <<"END");
load_module \@MODULE\@;
$user
$main
worker_processes $workers;
error_log \@PREFIX\@/logs/error.log error;
pid \@PREFIX\@/nginx.pid;

events {
    worker_connections $connections;
}

http {
    access_log off;
    client_max_body_size 1m;
    $temp
    rtprop_zone rtprop 64m;
    $drain
    $http

    server {
        listen 127.0.0.1:\@PORT\@;
        $listen
        $tls

        location /ws {
            rtprop native;
            rtprop_user \$arg_u;
            rtprop_rate message off;
            rtprop_rate bid off;
            rtprop_rate other off;
            add_header X-Worker \$pid always;
            $location
        }

        location /echo { rtprop echo; }
        location /api/ { rtprop api; }
        location = /metrics { rtprop metrics; }
    }
}
END
    $self->{nginx}->start;

    return $self;
}


sub nginx { $_[0]{nginx} }
sub stop  { $_[0]{nginx}->stop }


# Conversations load0, load1, … with the clients that the tool sends there.

sub rooms {
    my ($self, $clients, $rooms) = @_;
    my $http = RTProp::HTTP->new(port => $self->{nginx}->port);

    for my $room (0 .. $rooms - 1) {
        my @users = map { 'u' . ($room + $_ * $rooms) }
                    0 .. $clients / $rooms - 1;
        my $res = $http->request(PUT => "/api/conversations/load$room",
                                 { participants => \@users });

        die "conversation load$room: $res->{status} $res->{body}\n"
            if $res->{status} !~ /^20[01]$/;
    }
}


sub auction {
    my ($self) = @_;
    my $http = RTProp::HTTP->new(port => $self->{nginx}->port);
    my $now = int time * 1000;
    my $res = $http->request(PUT => '/api/auctions/load0',
        { starting_price => 1000, bid_increment => 100, property_id => 'p',
          property_title => 'House', starts_at => $now - 1000,
          ends_at => $now + 3_600_000 });

    die "auction load0: $res->{status} $res->{body}\n"
        if $res->{status} !~ /^20[01]$/;
}


# Reloads nginx once in the midst of a run, when all clients are there: the
# result, with "drained", the seconds until the old workers were gone.

sub run_reloaded {
    my ($self, $clients, @args) = @_;
    my $nginx = $self->{nginx};

    pipe my $in, my $out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        my $result = eval { $self->run(@args) } || { why => $@ };
        print {$out} JSON::PP::encode_json($result);
        close $out;
        POSIX::_exit(0);
    }

    close $out;

    my $http = RTProp::HTTP->new(port => $nginx->port);

    $nginx->wait_until(sub {
        my ($n) = $http->get('/metrics')->{body}
                  =~ /^rtprop_ws_connections(?:\{[^}]*\})? (\d+)/m;
        return ($n // 0) >= $clients;
    }, 60) or die "not all clients came\n";

    my $begun = time;
    $nginx->reload;
    $nginx->wait_drained(120);
    my $drained = time - $begun;

    my $json = do { local $/; <$in> };
    waitpid $pid, 0;

    return { %{JSON::PP::decode_json($json)}, drained => $drained };
}


sub run {
    my ($self, @args) = @_;
    my $echo = grep { $_ eq '--echo' } @args;
    my $url = ($self->{tls} ? 'wss://127.0.0.1:' . $self->{nginx}->tls_port
                            : 'ws://127.0.0.1:' . $self->{nginx}->port)
              . ($echo ? '/echo' : '/ws?u=u{i}');

    push @args, '--welcome', '' if $echo;
    push @args, '--insecure' if $self->{tls} && !grep { $_ eq '--ca' } @args;

    open my $out, '-|', $self->{program}, '--url', $url, '--json',
         '--pid', $self->{nginx}->master_pid, @args
        or die "$self->{program}: $!\n";

    my $json = do { local $/; <$out> };
    close $out;

    die "no result of @args\n" if !$json;

    my $result = JSON::PP::decode_json($json);
    $result->{status} = $? >> 8;

    return $result;
}


1;
