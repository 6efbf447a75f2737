export { startServices, stopServices, resetInstance, servicesStatus } from './services.ts';
export { databaseFilesOf, startDatabaseAndRegistry } from './services.ts';
export { startKafkaCluster, type ClusterNode, type KafkaCluster } from './kafka-cluster.ts';
export { serviceNames, type ServiceName } from './service-records.ts';
export type { Services, ServiceStatus, StartServicesOptions } from './services.ts';
export { holdTestServices } from './test-services.ts';
export { startApps } from './apps.ts';
export type { RunningApp, RunningApps, StartAppsOptions } from './apps.ts';
export { appNames, type AppName, type AppPorts } from './app-ports.ts';
export { instanceDir, repositoryRoot, runFilePath } from './paths.ts';
export { pythonPath } from './python.ts';
export { withLockOrThrow } from './instance-lock.ts';
export { choosePort, isPortFree } from './ports.ts';
export {
  ProcessDied,
  startProcess,
  stopProcess,
  waitUntilReady,
  watchProcess,
  type ProcessSpec,
  type StartedProcess,
} from './supervise.ts';
export type { AppSecrets } from './secrets.ts';
export { missingOfPrometheus, startPrometheus, type RunningPrometheus } from './prometheus.ts';
export { onStopRequest } from './stop-request.ts';
export type { Progress } from './downloads.ts';
