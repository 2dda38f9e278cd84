package RTProp::Test;

# What most test files need, on top of Test::More:
#
#   use lib 't/lib';
#   use RTProp::Test;
#
#   my $nginx = rtprop_nginx(location => 'rtprop_user_connections 2;');
#   my $ann = client(user => 'ann', claims => { conversations => ['c1'] });
#   is(api(PUT => '/api/conversations/c1', { … })->{status}, 201, '…');
#   …
#   done_testing();      # stops nginx; fails on lines nobody allowed in its log
#
# rtprop_nginx() takes the options of RTProp::Nginx, and besides "location"
# (text for the native location) and "prefix" (text at the http level beside the
# zone).  Without "server" it serves: /ws native, /echo, /api/ (key "apikey"),
# /public/ (rtprop_api_public), /health, /metrics.

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use JSON::PP ();
use Test::More ();

use RTProp::HTTP;
use RTProp::JWT;
use RTProp::Nginx;
use RTProp::WS;

our @EXPORT = (qw(rtprop_nginx client api http token nginx_t done_testing
                  SECRET API_KEY true false),
               grep { !/^(done_testing|plan)$/ } @Test::More::EXPORT);

use constant {
    SECRET => 'a secret that only the tests of rtprop know',
    API_KEY => 'apikey-of-the-tests',
};

my (@started, $ended);
my $owner = $$;

BEGIN {
    no strict 'refs';
    *{$_} = \&{"Test::More::$_"}
        for grep { /^\w/ && $_ ne 'done_testing' } @Test::More::EXPORT;
}


sub true()  { JSON::PP::true() }
sub false() { JSON::PP::false() }


sub standard_server {
    my ($location) = @_;

    return <<"END";
        location /ws {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_origin same;
            $location
        }

        location /echo {
            rtprop echo;
        }

        location /api/ {
            rtprop api;
            rtprop_api_key api.key;
        }

        location /public/ {
            rtprop api;
            rtprop_api_public on;
        }

        location = /health {
            rtprop health;
        }

        location = /metrics {
            rtprop metrics;
        }
END
}


sub rtprop_nginx {
    my (%opt) = @_;
    my $location = delete $opt{location} // '';
    my $prefix = delete $opt{prefix} // '';

    $opt{http} = ($opt{http} // "rtprop_zone rtprop 16m;\nrtprop_drain 1s;\n")
                 . $prefix;
    $opt{server} //= standard_server($location) if !defined $opt{full};
    $opt{files} = { 'jwt.key' => SECRET, 'api.key' => API_KEY,
                    %{$opt{files} || {}} };

    my $nginx = RTProp::Nginx->new(%opt);
    push @started, $nginx;

    eval { $nginx->start; 1 } or bail($@);

    return $nginx;
}


# No test makes sense any more: one failure, and what the log says.

sub bail {
    my ($why) = @_;

    Test::More::fail('nginx starts');
    Test::More::diag($why);
    done_testing();
    exit 1;
}


# "nginx -t" with the options of rtprop_nginx(): (accepted, message).

sub nginx_t {
    my (%opt) = @_;
    my $location = delete $opt{location};

    $opt{http} //= "rtprop_zone rtprop 16m;\n";
    $opt{http} .= delete $opt{prefix} // '';
    $opt{server} //= standard_server($location // '');
    $opt{files} = { 'jwt.key' => SECRET, 'api.key' => API_KEY,
                    %{$opt{files} || {}} };

    return RTProp::Nginx->new(%opt)->test_config;
}


# A token as the standard server takes it, valid for an hour.

sub token {
    my (%claims) = @_;
    my $key = delete $claims{key} // SECRET;

    return RTProp::JWT::token('HS256', { exp => time + 3600, %claims }, $key);
}


# A connected client after its welcome, which is in {welcome}.  Options: user,
# name, role, claims; nginx; welcome (0: do not wait for it); worker (a pid that
# shall have it; with reuseport); those of RTProp::WS::connect().

sub client {
    my (%opt) = @_;
    my $nginx = delete $opt{nginx} || $started[-1];
    my $wait = delete $opt{welcome} // 1;
    my %claims = (sub => delete $opt{user} // 'u1',
                  %{delete $opt{claims} || {}});

    for my $claim (qw(name role)) {
        my $value = delete $opt{$claim};
        $claims{$claim} = $value if defined $value;
    }

    my $worker = delete $opt{worker};

    $opt{accepted} = sub { $nginx->worker_of($_[0]) == $worker } if $worker;
    $opt{token} = token(%claims) if !exists $opt{token};

    my $ws = RTProp::WS->connect(path => '/ws', host => $nginx->address, %opt,
        port => $opt{tls} ? $nginx->tls_port : $nginx->port);

    if ($wait) {
        $ws->{welcome} = $ws->status == 101 ? $ws->wait_for('welcome') : undef;
        Test::More::diag("no welcome: status " . $ws->status . ' '
                         . $ws->body . ' ' . $ws->error) if !$ws->{welcome};
    }

    return $ws;
}


sub http {
    my (%opt) = @_;
    my $nginx = delete $opt{nginx} || $started[-1];

    return RTProp::HTTP->new(
        host => $nginx->address,
        port => $opt{tls} ? $nginx->tls_port : $nginx->port, %opt);
}


# One request to the API with its key: api(POST => '/api/publish', { … }).

sub api {
    my ($method, $path, $body, %headers) = @_;
    my $nginx = $started[-1];

    my $http = $nginx->{api_client} ||= http(bearer => API_KEY);
    $http->{port} = $nginx->port;

    return $http->request($method, $path, $body, %headers);
}


# Stops every nginx, and fails for what no test allowed in the error logs.

sub done_testing {
    my $builder = Test::More->builder;

    finish();
    Test::More::done_testing(@_) if !$builder->{Have_Plan};
}


sub finish {
    return if $ended++;

    for my $nginx (@started) {
        $nginx->stop;

        my @bad = $nginx->bad_lines;
        Test::More::ok(!@bad, 'the error log holds only what is expected')
            or Test::More::diag(join "\n", @bad > 20 ? (@bad[0 .. 19], '…')
                                                     : @bad);
    }

    keep_logs() if !Test::More->builder->is_passing;
}


# A failed test's logs and configurations stay in t/artifacts.

sub keep_logs {
    my $name = $0 =~ s{^\./}{}r =~ s{^.*?\bt/}{}r =~ s{[^\w.-]+}{-}gr;
    my $dir = RTProp::Nginx::top() . "/t/artifacts/$name";
    my $number = 0;

    for my $nginx (@started) {
        my $to = $dir . '/nginx' . ++$number;
        make_path($to);

        for my $file ('nginx.conf', 'logs/error.log', 'logs/stderr.log',
                      'logs/access.log')
        {
            my $content = RTProp::Nginx::slurp($nginx->prefix . "/$file");
            open my $fh, '>:raw', "$to/" . $file =~ s{.*/}{}r or next;
            print {$fh} $content;
            close $fh;
        }
    }

    Test::More::diag("logs are in $dir") if $number;
}


# A test that died leaves no nginx behind.

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop('KILL') for @started;
        keep_logs() if $status && !$ended;
        $? = $status;
    }
}


1;
